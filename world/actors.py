"""Everybody else in a world, in the order in which they act on a block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from chain.errors import ChainError
from chain.types import Block
from world.climate import Climate
from world.deploy import Deployment
from world.events import events
from world.gazette import Gazette
from world.posters import Posters
from world.rivals import Rivals
from world.scenario import Scenario

if TYPE_CHECKING:
    from world.actor import Actor
    from world.devnet import Devnet

log = structlog.get_logger(__name__)


class Actors:
    """Founded once; then `act` on each block, or `run` beside whoever mines."""

    def __init__(
        self,
        devnet: Devnet,
        deployment: Deployment,
        scenario: Scenario,
        seed: int,
        others: Sequence[Actor] = (),
        gazette: Gazette | None = None,
    ) -> None:
        happening = events(scenario, seed)
        gazette = gazette or Gazette(devnet, deployment)
        rivals = Rivals(devnet, deployment, scenario, seed, gazette)
        self._devnet = devnet
        self.counts: Counter[str] = rivals.counts
        self.everybody: tuple[Actor, ...] = (
            Climate(devnet, happening),
            Posters(devnet, deployment, scenario, happening),
            rivals,
            *others,
        )

    async def found(self) -> None:
        """Give everybody what they need; somebody must be mining."""
        for actor in self.everybody:
            await actor.found()

    async def act(self, block: Block) -> None:
        """Let everybody do what this block asks for; what one fails at does not stop the world."""
        for actor in self.everybody:
            try:
                await actor.act(block)
            except ChainError as fault:
                self.counts["failed"] += 1
                log.warning("actors.failed", who=type(actor).__name__, why=str(fault))

    async def run(self) -> None:
        """Live beside the miner until cancelled, the present block being the start."""
        block = self._devnet.head
        while True:
            await self.act(block)
            block = await self._devnet.after(block.number)
