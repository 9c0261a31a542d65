"""Those who post jobs: one for each stream, rich enough for all that he will ever pay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from chain.contracts import APPROVE, MINT
from chain.types import Block, Call, Micro
from world.deploy import RICH, Deployment, role
from world.events import Calendar, Event, Posting
from world.pocket import Pocket
from world.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from world.devnet import Devnet

POST: Final = "post(uint256,uint64,uint64,uint32)"
POST_GAS: Final = 320_000
TOKEN_GAS: Final = 100_000
MOST: Final = 2**256 - 1


class Posters:
    """Post what the scenario's events say, when they say it."""

    def __init__(
        self, devnet: Devnet, at: Deployment, scenario: Scenario, happening: Sequence[Event]
    ) -> None:
        self._devnet = devnet
        self._at = at
        self._calendar = Calendar(happening, Posting)
        self._pockets = [Pocket(devnet, role(f"poster {stream.name}")) for stream in scenario.jobs]
        self._owed = [
            Micro(sum(e.reward for e in happening if isinstance(e, Posting) and e.stream == i))
            for i in range(len(scenario.jobs))
        ]

    async def found(self) -> None:
        await asyncio.gather(*(self._endow(*each) for each in enumerate(self._pockets)))

    async def act(self, block: Block) -> None:
        start, due = self._calendar.due(block)
        await asyncio.gather(*(self._post(posting, start) for posting in due))

    async def _post(self, posting: Posting, start: Block) -> None:
        times = (start.at + posting.not_before_s, start.at + posting.deadline_s)
        args = (posting.reward, *times, posting.work)
        call = Call(self._at.job_board, POST, args, gas=POST_GAS)
        await self._pockets[posting.stream].send(call)

    async def _endow(self, stream: int, poster: Pocket) -> None:
        token = self._at.token
        await self._devnet.give_wei(poster.address, RICH)
        mint = (poster.address, self._owed[stream])
        await poster.send(Call(token, MINT, mint, gas=TOKEN_GAS))
        await poster.send(Call(token, APPROVE, (self._at.job_board, MOST), gas=TOKEN_GAS))
