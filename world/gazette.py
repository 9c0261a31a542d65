"""What the board and the market said in the newest blocks: read once, for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chain.events import Event, decode
from chain.logs import logs
from chain.types import Block
from world.deploy import Deployment

if TYPE_CHECKING:
    from world.devnet import Devnet


class Gazette:
    """Whoever asks at a block is told what happened since the block asked about before."""

    def __init__(self, devnet: Devnet, at: Deployment) -> None:
        self._devnet = devnet
        self._contracts = {at.job_board.lower(): "JobBoard", at.lease_market.lower(): "LeaseMarket"}
        self._addresses = (at.job_board, at.lease_market)
        self._read: int | None = None
        self._news: tuple[Event, ...] = ()

    async def news(self, block: Block) -> Sequence[Event]:
        """In the chain's order; the first block asked about is the first one read."""
        if self._read != block.number:
            first = block.number if self._read is None else self._read + 1
            found = await logs(self._devnet.client, self._addresses, [], first, block.number)
            told = (decode(self._contracts[log.address], log) for log in found)
            self._news = tuple(event for event in told if event is not None)
            self._read = block.number
        return self._news
