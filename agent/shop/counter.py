"""One sale from payment to answer, in the only order in which nobody loses: verify, work, keep,
settle, look at the chain, answer.

A payment is served once. Sent again it gets the same answer; sent with another question it gets
none. Whatever fails after the work was kept is taken up where it stood when the buyer comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from agent.errors import ShopFailed
from agent.shop.book import Book, Sale
from agent.shop.facilitator import Away, Facilitator, No
from agent.shop.judging import Refusal, genuine, judge
from agent.shop.prices import Priced
from agent.shop.proof import Proof
from agent.shop.question import Question
from agent.shop.reading import read_plain
from agent.shop.wire import Payment, Terms
from chain.errors import ChainError
from compute import wire
from compute.errors import ComputeError, Unanswerable
from compute.port import Scores

log = structlog.get_logger(__name__)

AGAIN_S: Final = 5
SEEN_S: Final = 15.0
"""So long a settled payment is looked for before the buyer is asked to come back."""

Ask = Callable[[str, Sequence[str]], Awaitable[Scores]]
Prices = Callable[[int], Sequence[Priced]]
"""Those that stand at a chain time; none while the shop is shut."""


@dataclass(frozen=True, slots=True)
class Sold:
    """An answer, and the transaction that paid for it."""

    terms: Terms
    payer: str
    tx: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's newest block, and what time it is: on a quiet chain that is later."""

    number: int
    at: int
    now: int


Outcome = Sold | Refusal
BUSY: Final = Refusal(503, "busy", AGAIN_S)
SHUT: Final = Refusal(503, "shut", 10 * AGAIN_S)
USED: Final = Refusal(409, "payment_is_for_another_question")
LATE_S: Final = 60
"""So long after its time a payment is given up, for nodes do not agree on the newest block."""


class Counter:
    """Serves a bounded number of buyers at once; a payment has one task, whoever waits for it."""

    def __init__(
        self,
        book: Book,
        facilitator: Facilitator,
        proof: Proof,
        ask: Ask,
        head: Callable[[], Awaitable[Head]],
        most: int,
        seen_s: float = SEEN_S,
    ) -> None:
        self._book = book
        self._facilitator = facilitator
        self._proof = proof
        self._ask = ask
        self._head = head
        self._most = most
        self._seen_s = seen_s
        self._doing: dict[asyncio.Task[Outcome], frozenset[str]] = {}
        """Each with the names that its payment goes by."""
        self.trouble = ""
        """What the last sale failed at, if that was not the buyer's doing."""

    @property
    def queue(self) -> int:
        return len(self._doing)

    async def sell(
        self, question: Question, payment: Payment, asked: Terms, prices: Prices
    ) -> Outcome:
        """Without prices nothing new is sold, and what was paid for is still handed out.

        Whoever hangs up is served all the same, and finds the answer when he comes back.
        """
        try:
            refusal = genuine(payment, asked) if self._is_unknown(payment) else None
        except ShopFailed as fault:
            return self._failed("book", type(fault).__name__)
        if refusal is not None:
            return refusal
        names = frozenset({payment.nonce, payment.name} - {""})
        names = frozenset(f"{payment.payer} {name}" for name in names)
        while doing := [task for task, others in self._doing.items() if names & others]:
            await asyncio.wait(doing)  # it may be for another question: the book will know
        if self.queue >= self._most:
            return BUSY
        task = asyncio.create_task(self._serve(question, payment, prices), name="sale")
        self._doing[task] = names
        task.add_done_callback(self._doing.pop)
        return await asyncio.shield(task)

    async def close(self, patience_s: float) -> None:
        """Let what has begun come to its end, for so long."""
        if self._doing:
            await asyncio.wait(self._doing, timeout=patience_s)
        for task in self._doing:
            task.cancel()
        await asyncio.gather(*self._doing, return_exceptions=True)

    def _is_unknown(self, payment: Payment) -> bool:
        """What was taken before is as good as it was, whatever our terms have become."""
        sale = self._book.sale(payment.payer.lower(), payment.nonce)
        return sale is None or sale.payment != payment.plain()

    async def _serve(self, question: Question, payment: Payment, prices: Prices) -> Outcome:
        try:
            head = await self._head()
            known = await self._known(payment, head)
            if known is not None:
                return await self._conclude(known) if known.question == question.digest else USED
            stand = prices(head.now)
            if not stand:
                return SHUT
            paid = judge(payment, stand, head.now)
            if isinstance(paid, Refusal):
                return paid
            return await self._new(question, payment, paid, head)
        except ChainError as fault:
            return self._failed("chain", type(fault).__name__)
        except ShopFailed as fault:
            return self._failed("book", type(fault).__name__)

    async def _known(self, payment: Payment, head: Head) -> Sale | None:
        """This very payment, or another of the buyer's for the purchase that he calls the same."""
        payer = payment.payer.lower()
        sale = self._book.sale(payer, payment.nonce) or self._book.named(payer, payment.name)
        if sale is None or sale.tx is not None or head.at <= sale.valid_before + LATE_S:
            return sale
        if tx := await self._proof.paid(sale):
            self._book.settle(sale, tx)
            return sale._replace(tx=tx)
        self._book.drop(sale)  # it was not paid, and never will be
        return None

    async def _new(self, question: Question, payment: Payment, paid: Priced, head: Head) -> Outcome:
        verdict = await self._facilitator.verify(payment.plain())
        if isinstance(verdict, No):
            return Refusal(402, verdict.reason)
        if isinstance(verdict, Away):
            return self._failed("facilitator", verdict.why)
        try:
            scores = await self._ask(question.prompt, question.labels)
        except Unanswerable:
            return Refusal(422, "question_too_long")
        except ComputeError as fault:
            return self._failed("model", type(fault).__name__)
        sale = Sale(
            payer=payment.payer.lower(),
            nonce=payment.nonce,
            name=payment.name,
            question=question.digest,
            amount=paid.price,
            because=paid.seq,
            payment=payment.plain(),
            answer=wire.reply_body(scores),
            since=head.number,
            valid_before=payment.valid_before,
        )
        self._book.keep(sale)
        return await self._conclude(sale)

    async def _conclude(self, sale: Sale) -> Outcome:
        """Have it settled if it is not, and answer when the chain shows that it is."""
        tx = sale.tx or await self._proof.paid(sale)
        if tx is None:
            verdict = await self._facilitator.settle(sale.payment)
            tx = await self._proof.seen(sale, 0 if isinstance(verdict, No) else self._seen_s)
            if tx is None and isinstance(verdict, No):
                return Refusal(402, verdict.reason)
            if tx is None:
                why = verdict.why if isinstance(verdict, Away) else "not on the chain"
                return self._failed("facilitator", why)
        if sale.tx is None:
            self._book.settle(sale, tx)
            log.info("shop.sold", amount=str(sale.amount), because=sale.because)
        self.trouble = ""
        said = read_plain(sale.payment)
        if said is None:
            raise ValueError(sale.payment)  # it was one when it was kept
        return Sold(said.accepted, said.payer, tx, sale.answer)

    def _failed(self, whose: str, why: str) -> Refusal:
        """Not the buyer's doing: he may come back with the same payment."""
        self.trouble = f"{whose}: {why}"
        log.warning("shop.failed", whose=whose, why=why)
        return Refusal(503, f"{whose}_unavailable", AGAIN_S)
