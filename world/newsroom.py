"""The newspaper of a world: opens a round for every story, and a reporter says what followed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import contracts
from chain.contracts import APPROVE, MINT
from chain.reader import BlockReader
from chain.types import Address, Block, Call
from world.deploy import RICH, role
from world.news import NewsTable, Story, stories
from world.pocket import Pocket

if TYPE_CHECKING:
    from random import Random

    from world.devnet import Devnet

OPEN: Final = "open((address,uint32,uint64,uint64,uint64,uint128,uint128),uint256,bytes)"
RESOLVE: Final = "resolve(uint256,int256)"
COUNT: Final = "roundCount()(uint256)"
ROUND: Final = (
    "roundOf(uint256)((address,(address,uint32,uint64,uint64,uint64,uint128,uint128),"
    "uint128,uint128,int128,uint128,uint128,int32,bool,bytes))"
)
PLENTY: Final = 10**15
MOST: Final = 2**256 - 1
TOKEN_GAS: Final = 100_000
OPEN_GAS: Final = 700_000
RESOLVE_GAS: Final = 100_000
"""Of a text of 280 bytes, and of a report."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A round of ours on chain."""

    round: int
    story: Story


class Newsroom:
    """Founds the board, prints what is new and reports what is over."""

    def __init__(self, devnet: Devnet, token: Address, table: NewsTable, dice: Random) -> None:
        self.board: Address | None = None
        self._devnet = devnet
        self._token = token
        self._table = table
        self._coming: Iterator[Story] = stories(table, dice)
        self._next = next(self._coming)
        self._printed: deque[Story] = deque()
        """Sent to the board in this order, and not yet found there."""
        self._seen = 0
        """The newest round that was looked at."""
        self._open: list[Opened] = []
        self._sponsor = Pocket(devnet, role("newspaper"))
        self._reporter = Pocket(devnet, role("reporter of the newspaper"))
        self._start: Block | None = None

    async def found(self) -> None:
        """All in one go: where the board will be is known before it is there."""
        for whom in (self._sponsor, self._reporter):
            await self._devnet.give_wei(whom.address, RICH)
        code = contracts.artifact("ForecastBoard")["bytecode"]
        self.board = await self._sponsor.deploy(code, ("address",), (self._token,))
        for call in (
            Call(self._token, MINT, (self._sponsor.address, PLENTY), gas=TOKEN_GAS),
            Call(self._token, APPROVE, (self.board, MOST), gas=TOKEN_GAS),
        ):
            await self._sponsor.send(call)

    async def act(self, block: Block) -> None:
        if self.board is None:
            return
        start = self._start = self._start or block
        await self._find(self.board, start)
        for opened in [each for each in self._open if each.story.resolves_s <= block.at - start.at]:
            self._open.remove(opened)
            report = (opened.round, opened.story.realised_bps)
            await self._reporter.send(Call(self.board, RESOLVE, report, gas=RESOLVE_GAS))
        while self._next.at_s <= block.at - start.at:
            if self._next.closes_s > block.at - start.at:
                await self._print(self.board, start, self._next)
            self._next = next(self._coming)

    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """A forecaster's: where the board is, and whose rounds it may enter."""
        if self.board is None:
            return {}
        return {"forecaster": {"board": self.board, "sponsors": [self._sponsor.address]}}

    async def _print(self, board: Address, start: Block, story: Story) -> None:
        table = self._table
        terms = (
            self._reporter.address,
            table.span_bps,
            start.at + story.closes_s,
            start.at + story.resolves_s,
            start.at + story.void_s,
            table.least_micro,
            table.most_micro,
        )
        args = (terms, table.escrow_micro, _bytes(story.text))
        await self._sponsor.send(Call(board, OPEN, args, gas=OPEN_GAS))
        self._printed.append(story)

    async def _find(self, board: Address, start: Block) -> None:
        """Which rounds became of what was printed: anyone may open others in between, and what
        came too late became none.
        """
        if not self._printed:
            return
        read = await BlockReader.latest(self._devnet.client)
        [count] = await read.call(board, COUNT)
        for round_ in range(self._seen + 1, cast("int", count) + 1):
            [row] = cast("list[list[Any]]", await read.call(board, ROUND, [round_]))
            sponsor, terms, text = row[0], row[1], row[-1]
            self._seen = round_
            while sponsor == self._sponsor.address and self._printed:
                story = self._printed.popleft()
                if (start.at + story.closes_s, _bytes(story.text)) == (terms[2], text):
                    self._open.append(Opened(round_, story))
                    break


def _bytes(text: str) -> str:
    return "0x" + text.encode().hex()
