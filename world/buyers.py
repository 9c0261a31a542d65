"""Those who buy an agent's answers in a world: they visit its shop on this machine, and may pay.

They are told the price, and pay by x402 if an answer is worth more to them: in chain time, through
a facilitator of their own. Who is turned away too often stays away for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from eth_utils.crypto import keccak

from agent.shop import wire
from agent.shop.wire import Payment, Terms
from chain import permit
from chain.contracts import MINT
from chain.keys import Key
from chain.types import Address, Block, Call
from world.demand import Demand, Wish
from world.deploy import RICH, Deployment, role
from world.facilitator import Facilitator
from world.pocket import Pocket
from world.ports import HERE, KeptPort
from world.scenario import HOUR

if TYPE_CHECKING:
    from world.devnet import Devnet

TOKEN: Final = ("Test Dollar", "1")
MINT_GAS: Final = 100_000
BLOCKS_TO_PAY: Final = 4
"""A payment is good for so many blocks."""
LEAST_TO_PAY_S: Final = 300
MOST_TO_PAY_S: Final = 36_000
ASK_WALL_S: Final = 5.0
BUY_WALL_S: Final = 60.0
POLL_WALL_S: Final = 0.01
OK: Final = 200
PAYMENT_REQUIRED: Final = 402


@dataclass(slots=True)
class Buyer:
    """Somebody with a key, some money, and so much patience."""

    key: Key
    visits: int = 0
    turned_away: int = 0
    """In a row."""
    away_until: int = 0


class Buyers:
    """`world.actor.Actor`: everybody who would buy, and the facilitator that they pay through."""

    def __init__(
        self, devnet: Devnet, at: Deployment, table: Demand, coming: Sequence[Wish], block_s: int
    ) -> None:
        self.counts: Counter[str] = Counter()
        """Visits by how they went: bought, dear, turned_away, unpaid."""
        self.spent = 0
        self._devnet = devnet
        self._at = at
        self._table = table
        self._coming = deque(coming)
        self._start: Block | None = None
        self._buyers = [Buyer(role(f"buyer {n}")) for n in range(table.buyers)]
        self._founder = Pocket(devnet, role("buyers' bank"))
        self._helper = Pocket(devnet, role("facilitator"))
        self._port = KeptPort()
        """The shop's: it opens when the agent lives, and other worlds have theirs."""
        self._pays_through = ""
        self._timeout_s = min(max(LEAST_TO_PAY_S, BLOCKS_TO_PAY * block_s), MOST_TO_PAY_S)
        self._facilitator = Facilitator(
            devnet.client, self._helper.address, self._helper.send, poll_s=POLL_WALL_S
        )
        self._open = contextlib.AsyncExitStack()
        self._web: aiohttp.ClientSession | None = None
        self._buying: dict[asyncio.Task[int], Buyer] = {}
        self._known = False
        """Whether the shop was ever open: nobody misses what he has not heard of."""

    @property
    def shop(self) -> Mapping[str, Any]:
        """The config's table `shop` of the agent whose answers they want, once they are founded."""
        return {
            "host": HERE,
            "port": self._port.number,
            "facilitator": self._pays_through,
            "token_name": TOKEN[0],
            "token_version": TOKEN[1],
            "max_timeout_s": self._timeout_s,
            "queue_n": 64,
        }

    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """A merchant needs none: where he sells stands in another table, `shop`."""
        return {}

    async def found(self) -> None:
        for pocket in (self._founder, self._helper):
            await self._devnet.give_wei(pocket.address, RICH)
        for buyer in self._buyers:
            args = (buyer.key.address, self._table.purse_micro)
            await self._founder.send(Call(self._at.token, MINT, args, gas=MINT_GAS))
        self._pays_through = await self._open.enter_async_context(self._facilitator.listening(HERE))
        limits = aiohttp.ClientTimeout(total=BUY_WALL_S)
        self._web = await self._open.enter_async_context(aiohttp.ClientSession(timeout=limits))

    async def close(self) -> None:
        for task in self._buying:
            task.cancel()
        await asyncio.gather(*self._buying, return_exceptions=True)
        await self._open.aclose()
        self._port.close()

    async def act(self, block: Block) -> None:
        """Take what was paid for in this block, then go shopping, one after the other."""
        start = self._start = self._start or block
        await self._take(block)
        while self._coming and self._coming[0].at_s <= block.at - start.at:
            wish = self._coming.popleft()
            buyer = self._buyers[wish.buyer]
            if block.at >= buyer.away_until:
                await self._visit(buyer, wish, block)

    async def _take(self, block: Block) -> None:
        """By now the payments of the last block are in this one, and their answers on the way."""
        buying, self._buying = self._buying, {}
        for task, buyer in buying.items():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, BUY_WALL_S)
            self._book(buyer, task, block)

    async def _visit(self, buyer: Buyer, wish: Wish, block: Block) -> None:
        """Ask for the price; pay if it is worth it, and do not wait for the block that it takes."""
        buyer.visits += 1
        question = _question(wish, buyer)
        terms = await self._ask(question)
        if terms is None:
            self._turn_away(buyer, block)
            return
        self._known = True
        if terms.amount > wish.worth or terms.asset != self._at.token:
            self.counts["dear"] += 1
            return
        payment = _pay(buyer, terms, block, self._devnet.client.chain_id)
        task = asyncio.create_task(self._buy(question, payment))
        sent = asyncio.create_task(self._facilitator.sent(payment.nonce))
        await asyncio.wait((task, sent), return_when=asyncio.FIRST_COMPLETED)
        sent.cancel()
        if task.done():
            self._book(buyer, task, block)
        else:
            self._buying[task] = buyer

    async def _ask(self, question: Mapping[str, Any]) -> Terms | None:
        """What an answer costs; None where nobody sells."""
        try:
            async with (
                asyncio.timeout(ASK_WALL_S),
                self._http().post(self._url, json=question) as reply,
            ):
                said = await reply.json()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None
        if reply.status != PAYMENT_REQUIRED:
            return None
        return wire.read_terms(next(iter(said["accepts"]), None))

    async def _buy(self, question: Mapping[str, Any], payment: Payment) -> int:
        """The status of the reply, 0 for none; an answer is worth its price."""
        headers = {wire.SIGNATURE: wire.encode(payment.plain())}
        try:
            async with self._http().post(self._url, json=question, headers=headers) as reply:
                await reply.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0
        if reply.status == OK:
            self.spent += payment.value
        return reply.status

    def _book(self, buyer: Buyer, task: asyncio.Task[int], block: Block) -> None:
        served = not task.cancelled() and task.result() == OK
        if served:
            self.counts["bought"] += 1
            buyer.turned_away = 0
        else:
            self._turn_away(buyer, block)

    def _turn_away(self, buyer: Buyer, block: Block) -> None:
        """Nobody was there, or too busy, or not able: that is remembered."""
        if not self._known:
            return
        self.counts["turned_away"] += 1
        buyer.turned_away += 1
        if buyer.turned_away >= self._table.patience_n:
            buyer.turned_away = 0
            buyer.away_until = block.at + int(self._table.away_h * HOUR)

    @property
    def _url(self) -> str:
        return f"http://{HERE}:{self._port.number}/infer"

    def _http(self) -> aiohttp.ClientSession:
        if self._web is None:
            raise AssertionError("found first")
        return self._web


def _question(wish: Wish, buyer: Buyer) -> Mapping[str, Any]:
    return {"prompt": f"visit {buyer.visits} of buyer {wish.buyer}:", "labels": ["A", "B", "C"]}


def _pay(buyer: Buyer, terms: Terms, block: Block, chain: int) -> Payment:
    """An authorization in chain time; nobody's clock but the chain's has a say."""
    nonce = keccak(text=f"{buyer.key.address} {buyer.visits}")
    until = block.at + terms.timeout_s
    payer, payee = buyer.key.address, terms.pay_to
    signed = permit.Transfer(payer, payee, terms.amount, 0, until, nonce)
    domain = permit.Domain(chain, Address(terms.asset), terms.name, terms.version)
    payment = Payment(terms, payer, payee, terms.amount, 0, until, "0x" + nonce.hex(), "")
    return replace(payment, signature="0x" + permit.sign(buyer.key, domain, signed).hex())
