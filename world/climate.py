"""What gas costs in a world: its base fee follows the scenario's spells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.types import Block
from world.events import Calendar, Event, GasMove

if TYPE_CHECKING:
    from collections.abc import Sequence

    from world.devnet import Devnet


class Climate:
    """Sets the next block's base fee."""

    def __init__(self, devnet: Devnet, happening: Sequence[Event]) -> None:
        self._devnet = devnet
        self._calendar = Calendar(happening, GasMove)

    async def found(self) -> None:
        """Nothing is needed for weather."""

    async def act(self, block: Block) -> None:
        _, due = self._calendar.due(block)
        for move in due:
            self._devnet.base_fee = move.base_fee
