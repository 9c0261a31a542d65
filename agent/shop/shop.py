"""The shop as the daemon has it: told what was decided and seen, asked what was earned."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.errors import ShopFailed
from agent.inflows import SOLD
from agent.mind import housed
from agent.shop.book import Book, Sale, Tried
from agent.shop.counter import Counter, Outcome
from agent.shop.prices import Bounds, Priced, current, honoured, priced
from agent.shop.proof import Proof
from agent.shop.question import Question
from agent.shop.wire import Payment, Terms
from agent.trade import Earned
from chain.types import Block, Json, Micro
from strategies.port import Snapshot
from telemetry.log import Log
from telemetry.record import Record

KEPT_S: Final = 24 * 3600
"""What nobody can claim any more is kept so long, for a restart may look at old blocks again."""
SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Rules:
    """What does not change while the process runs."""

    terms: Terms
    """But for the amount."""
    bounds: Bounds
    fresh_s: float
    """The daemon must have seen something so lately, or the shop is shut."""


class Shop:
    """`agent.trade.Trade`, and what the server sells by."""

    def __init__(
        self,
        rules: Rules,
        log: Log,
        book: Book,
        counter: Counter,
        proof: Proof,
        clock: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._log = log
        self._book = book
        self._counter = counter
        self._proof = proof
        self._clock = clock
        self._open_until = clock()
        self._asked: Tally[int] = Tally()
        self._behind = ""
        """Why the book has not heard all of the log."""
        self._catch_up()

    # What the daemon says and asks

    @property
    def troubles(self) -> Mapping[str, str]:
        found = {"shop": self._behind or self._counter.trouble}
        return {where: what for where, what in found.items() if what}

    def figures(self, at: int) -> Mapping[str, Json]:
        self._write_asked()
        tried = self._book.tried
        now = self._now
        here = next((each for each in tried if now and each.seq == now.seq), None)
        return {
            "price": here.price if here else 0,
            "because": here.seq if here else None,
            "since_s": max(0, at - here.at) if here else 0,
            "asked": here.asked if here else 0,
            "sold": here.sold if here else 0,
            "earned": str(sum(each.price * each.sold for each in tried)),
            "queue": self._counter.queue,
            "open": self._is_open,
            "tried": _others(tried, here),
        }

    def see(self, seen: Snapshot) -> None:
        if self._behind:
            self._catch_up()
        self._open_until = self._clock() + (self._rules.fresh_s if housed(seen) else 0)

    def rest(self) -> None:
        self._open_until = self._clock()

    def obey(self, seq: int, decision: Mapping[str, Any]) -> None:
        if self._behind:
            return
        try:
            self._book.hear(seq, priced(seq, decision))
        except ShopFailed as fault:
            self._behind = str(fault)

    async def earned(self, payer: str, amount: int, tx: str) -> Earned | None:
        """A sale that was settled while nobody looked is found by its payment."""
        like = [sale for sale in self._book.of(payer) if sale.amount == amount]
        paid = [sale for sale in like if await self._paid_by(sale, tx)]
        sale = min(paid, key=lambda sale: sale.told, default=None)
        return Earned(sale.nonce, sale.because, sale.told) if sale else None

    def tell(self, payer: str, nonce: str) -> None:
        self._book.tell(payer, nonce)

    def look_back(self, until: Block) -> None:
        self._book.forget(until.at - KEPT_S)

    def close(self) -> None:
        self._write_asked()

    # What is sold

    @property
    def terms(self) -> Terms | None:
        """What is asked for an answer now; None while the shop is shut."""
        now = self._now
        if now is None or not self._is_open:
            return None
        return replace(self._rules.terms, amount=now.price)

    def quote(self) -> None:
        """Somebody was told the price."""
        if now := self._now:
            self._asked[now.seq] += 1

    async def sell(self, question: Question, payment: Payment) -> Outcome:
        """What was paid for before is handed out even while the shop is shut."""
        return await self._counter.sell(question, payment, self._rules.terms, self._prices)

    def _prices(self, at: int) -> Sequence[Priced]:
        """Those that stand at a chain time; none while the shop is shut."""
        if not self._is_open:
            return ()
        timeout_s = self._rules.terms.timeout_s
        return honoured(self._said, at, timeout_s, self._rules.bounds)

    @property
    def _said(self) -> Sequence[Priced]:
        return [Priced(each.seq, each.at, each.price) for each in self._book.tried]

    @property
    def _now(self) -> Priced | None:
        return current(self._said, self._rules.bounds)

    @property
    def _is_open(self) -> bool:
        return not self._behind and self._clock() < self._open_until

    async def _paid_by(self, sale: Sale, tx: str) -> bool:
        if sale.tx is None and (found := await self._proof.paid(sale)):
            self._book.settle(sale, found)
            return found == tx
        return sale.tx == tx

    def _catch_up(self) -> None:
        """Hear what the log says and the book does not know: killed in between, it missed some."""
        self._behind = ""
        try:
            for seq, data in self._log.records(self._book.heard):
                record = Record.decode(data)
                if record.kind == "decision" and (said := priced(seq, record.body)):
                    self._book.hear(seq, said)
                elif record.kind == "funds" and record.body["why"] == SOLD:
                    self._book.tell(record.body["from"], record.body["nonce"])
            self._book.hear(self._log.next_seq - 1, None)
        except ShopFailed as fault:
            self._behind = str(fault)

    def _write_asked(self) -> None:
        """With the next look at the book, so that who asks for nothing costs no write."""
        try:
            for seq in list(self._asked):
                self._book.count(seq, self._asked[seq])
                del self._asked[seq]
        except ShopFailed as fault:
            self._behind = str(fault)


def _others(tried: Sequence[Tried], here: Tried | None) -> list[dict[str, Json]]:
    """What became of other prices of late, each summed up, the newest first."""
    asked: Tally[Micro] = Tally()
    sold: Tally[Micro] = Tally()
    for each in reversed(tried):
        if here is None or each.seq != here.seq:
            asked[each.price] += each.asked
            sold[each.price] += each.sold
    return [
        {"price": price, "asked": asked[price], "sold": sold[price]}
        for price in list(asked)[:SHOWN]
    ]
