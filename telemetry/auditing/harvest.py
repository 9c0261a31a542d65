"""Several who want more of a log than a verdict, served by one reading of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telemetry.auditing.audit import Gather
from telemetry.auditing.epoch import Epoch, Harvest, Read
from telemetry.checkpoint import Checkpoint

Taker = tuple[Harvest, Gather]
"""What runs where an epoch is judged, and who gets what it took."""


@dataclass(frozen=True, slots=True)
class Several:
    """A harvest of harvests."""

    harvests: tuple[Harvest, ...]

    def __call__(self, checkpoint: Checkpoint, records: Sequence[Read]) -> tuple[Any, ...]:
        return tuple(harvest(checkpoint, records) for harvest in self.harvests)


def together(takers: Sequence[Taker]) -> tuple[Harvest | None, Gather | None]:
    """One harvest and one gather for all of them; none for nobody, as records are kept for it."""
    if not takers:
        return None, None
    gathers = [gather for _, gather in takers]

    def gather(epoch: Epoch, taken: tuple[Any, ...]) -> None:
        for own, part in zip(gathers, taken, strict=True):
            own(epoch, part)

    return Several(tuple(harvest for harvest, _ in takers)), gather
