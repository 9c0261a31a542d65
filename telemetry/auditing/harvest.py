"""Several who want more of a log than a verdict, served by one reading of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telemetry.auditing.audit import Gather
from telemetry.auditing.epoch import Epoch, Harvest, Read, Taker
from telemetry.checkpoint import Checkpoint

Wanted = tuple[Harvest, Gather]
"""What runs where an epoch is judged, and who gets what it took."""


@dataclass(frozen=True, slots=True)
class Several:
    """A harvest of harvests."""

    harvests: tuple[Harvest, ...]

    def __call__(self, checkpoint: Checkpoint) -> Taker:
        return _Takers([harvest(checkpoint) for harvest in self.harvests])


@dataclass(frozen=True, slots=True)
class _Takers:
    every: Sequence[Taker]

    def take(self, records: Sequence[Read]) -> None:
        for taker in self.every:
            taker.take(records)

    def done(self) -> tuple[Any, ...]:
        return tuple(taker.done() for taker in self.every)


def together(wanted: Sequence[Wanted]) -> tuple[Harvest | None, Gather | None]:
    """One harvest and one gather for all of them; none for nobody."""
    if not wanted:
        return None, None
    gathers = [gather for _, gather in wanted]

    def gather(epoch: Epoch, taken: tuple[Any, ...]) -> None:
        for own, part in zip(gathers, taken, strict=True):
            own(epoch, part)

    return Several(tuple(harvest for harvest, _ in wanted)), gather
