"""Those who buy an agent's answers in a world: they visit its shop on this machine, and may pay.

They are told the price, and pay if an answer is worth more to them (`world/purchase.py`): in chain
time, through a facilitator of their own. Who is turned away too often stays away for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from eth_utils.crypto import keccak

from agent.shop.wire import Payment
from chain.contracts import MINT
from chain.keys import Key
from chain.types import Block, Call
from world.demand import Demand, Wish
from world.deploy import RICH, Deployment, role
from world.facilitator import Facilitator
from world.pocket import Pocket
from world.ports import HERE, KeptPort
from world.purchase import OK, Door, signed
from world.scenario import HOUR

if TYPE_CHECKING:
    from world.devnet import Devnet

TOKEN: Final = ("Test Dollar", "1")
MINT_GAS: Final = 100_000
BLOCKS_TO_PAY: Final = 4
"""A payment is good for so many blocks."""
LEAST_TO_PAY_S: Final = 300
MOST_TO_PAY_S: Final = 36_000
BUY_WALL_S: Final = 60.0
POLL_WALL_S: Final = 0.01


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
        terms = await self._door().ask(question)
        if terms is None:
            self._turn_away(buyer, block)
            return
        self._known = True
        if terms.amount > wish.worth or terms.asset != self._at.token:
            self.counts["dear"] += 1
            return
        nonce = keccak(text=f"{buyer.key.address} {buyer.visits}")
        payment = signed(buyer.key, terms, nonce, block, self._devnet.client.chain_id)
        task = asyncio.create_task(self._buy(question, payment))
        sent = asyncio.create_task(self._facilitator.sent(payment.nonce))
        await asyncio.wait((task, sent), return_when=asyncio.FIRST_COMPLETED)
        sent.cancel()
        if task.done():
            self._book(buyer, task, block)
        else:
            self._buying[task] = buyer

    async def _buy(self, question: Mapping[str, Any], payment: Payment) -> int:
        """An answer is worth its price."""
        status = await self._door().buy(question, payment)
        if status == OK:
            self.spent += payment.value
        return status

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

    def _door(self) -> Door:
        if self._web is None:
            raise AssertionError("found first")
        return Door(self._web, f"http://{HERE}:{self._port.number}/infer")


def _question(wish: Wish, buyer: Buyer) -> Mapping[str, Any]:
    return {"prompt": f"visit {buyer.visits} of buyer {wish.buyer}:", "labels": ["A", "B", "C"]}
