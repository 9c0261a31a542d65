"""The pools of a world: Uniswap v2, a SwapDesk, and those who trade there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import contracts
from chain.contracts import APPROVE, MINT
from chain.reader import BlockReader
from chain.types import Address, Block, Call
from strategies.pool import Pool
from strategies.quotes import GET_RESERVES, SPAN_S
from world.deploy import RICH, role
from world.pocket import Pocket
from world.pools import UNITS, Order, PoolTable, Visit, after, order, visits
from world.uniswap import ADD_LIQUIDITY, CREATE_PAIR, SWAP_EXACT, Uniswap, found_uniswap

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from world.devnet import Devnet

OBSERVE: Final = "observe(address)"
PLENTY: Final = 10**15
EVER: Final = 2**63
MOST: Final = 2**256 - 1
TOKEN_GAS: Final = 100_000
PAIR_GAS: Final = 3_000_000
LIQUIDITY_GAS: Final = 350_000
SWAP_GAS: Final = 220_000
OBSERVE_GAS: Final = 120_000
DOMAIN: Final = {"other_name": "Test Dollar", "other_version": "1"}
"""The second token is a TestDollar like the first, at another address."""


class Visitors:
    """Who comes, one after the other, as time goes on."""

    def __init__(self, table: PoolTable, dice: Random) -> None:
        self._coming = visits(table, dice)
        self._next = next(self._coming)

    def until(self, at_s: int) -> list[Visit]:
        """Those who have come by now and were not told of before."""
        due: list[Visit] = []
        while self._next.at_s <= at_s:
            due.append(self._next)
            self._next = next(self._coming)
        return due


@dataclass(frozen=True, slots=True)
class Venue:
    """One pool: where it is, who trades there, and who comes next."""

    table: PoolTable
    other: Address
    pair: Address
    router: Address
    informed: Pocket
    uninformed: Pocket
    coming: Visitors


class Exchange:
    """Founds every pool of the scenario and trades in them; agents trade in the first."""

    def __init__(
        self,
        devnet: Devnet,
        token: Address,
        tables: Sequence[PoolTable],
        dice: Callable[[str], Random],
    ) -> None:
        self.venues: tuple[Venue, ...] = ()
        self.desk: Address | None = None
        self._devnet = devnet
        self._token = token
        self._tables = tables
        self._dice = dice
        self._keeper = Pocket(devnet, role("keeper of the pools"))
        self._start: Block | None = None
        self._noted_at = 0

    async def found(self) -> None:
        """All in one go: whose address is needed is known before it is there."""
        keeper = self._keeper
        await self._devnet.give_wei(keeper.address, RICH)
        uniswap = await found_uniswap(keeper)
        self.desk = await keeper.deploy(contracts.artifact("SwapDesk")["bytecode"])
        await self._endow(keeper, self._token, uniswap)
        self.venues = tuple([await self._open(uniswap, table) for table in self._tables])

    async def act(self, block: Block) -> None:
        start = self._start = self._start or block
        for venue in self.venues:
            if due := venue.coming.until(block.at - start.at):
                await self._trade(venue, due)
        if block.at - self._noted_at >= SPAN_S and self.desk is not None:
            self._noted_at = block.at
            for venue in self.venues:
                call = Call(self.desk, OBSERVE, (venue.pair,), gas=OBSERVE_GAS)
                await self._keeper.send(call)

    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """A trader's, for the first pool."""
        if not self.venues:
            return {}
        venue = self.venues[0]
        places = {"desk": self.desk, "pair": venue.pair, "other": venue.other}
        return {"trader": {**places, **DOMAIN}}

    async def pool(self, venue: Venue) -> Pool:
        """What is in it now."""
        read = await BlockReader.latest(self._devnet.client)
        first, second, _ = await read.call(venue.pair, GET_RESERVES)
        reserves = (cast("int", first), cast("int", second))
        ordered = int(self._token, 16) < int(venue.other, 16)
        return Pool(*(reserves if ordered else reserves[::-1]))

    async def _trade(self, venue: Venue, due: Sequence[Visit]) -> None:
        """One after the other, each on what those before him have left."""
        pool = await self.pool(venue)
        for visit in due:
            asked = order(visit, pool, venue.table.informed_pct)
            if asked is not None:
                trader = venue.informed if visit.fair_micro else venue.uninformed
                await trader.send(self._swap(venue, asked, trader.address))
                pool = after(pool, asked)

    def _swap(self, venue: Venue, asked: Order, to: Address) -> Call:
        path = (self._token, venue.other) if asked.buys else (venue.other, self._token)
        args = (asked.amount, 0, path, to, EVER)
        return Call(venue.router, SWAP_EXACT, args, gas=SWAP_GAS)

    async def _open(self, uniswap: Uniswap, table: PoolTable) -> Venue:
        """The other token, the pair, what is in it, and two who trade."""
        keeper, token = self._keeper, self._token
        other = await keeper.deploy(contracts.artifact("TestDollar")["bytecode"])
        await keeper.send(Call(uniswap.factory, CREATE_PAIR, (token, other), gas=PAIR_GAS))
        await self._endow(keeper, other, uniswap)
        amounts = (table.depth_micro, table.depth_micro * UNITS // table.price_micro)
        args = (token, other, *amounts, 0, 0, keeper.address, EVER)
        await keeper.send(Call(uniswap.router, ADD_LIQUIDITY, args, gas=LIQUIDITY_GAS))
        names = (f"informed at {table.name}", f"uninformed at {table.name}")
        informed, uninformed = (Pocket(self._devnet, role(name)) for name in names)
        for trader in (informed, uninformed):
            await self._devnet.give_wei(trader.address, RICH)
            for each in (token, other):
                await self._endow(trader, each, uniswap)
        return Venue(
            table=table,
            other=other,
            pair=uniswap.pair(token, other),
            router=uniswap.router,
            informed=informed,
            uninformed=uninformed,
            coming=Visitors(table, self._dice(f"pool/{table.name}")),
        )

    @staticmethod
    async def _endow(whom: Pocket, token: Address, uniswap: Uniswap) -> None:
        """More than will ever be traded, and leave for the router to take it."""
        await whom.send(Call(token, MINT, (whom.address, PLENTY), gas=TOKEN_GAS))
        await whom.send(Call(token, APPROVE, (uniswap.router, MOST), gas=TOKEN_GAS))
