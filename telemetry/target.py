"""Where epochs are sent: what is handed over, and what a target must do with it.

Behind this port stand `telemetry.kubo` and `telemetry.pinning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from telemetry.cid import Cid


@dataclass(frozen=True, slots=True)
class Parcel:
    """One epoch on its way: whose it is, its number and its name, and its file."""

    registry: str
    agent: int
    epoch: int
    cid: Cid
    car: Path


class Target(Protocol):
    """A place that keeps epochs. Whatever it raises, the epoch waits and is sent again."""

    @property
    def name(self) -> str:
        """What its progress is remembered by."""
        ...

    async def keep(self, parcel: Parcel) -> None:
        """Return once the epoch is kept; keeping it again is fine."""
        ...

    async def holds(self, parcel: Parcel) -> bool:
        """Whether an epoch kept before is still kept; raises where that cannot be told."""
        ...

    async def newest(self, registry: str, agent: int) -> int | None:
        """The newest epoch that it knows to be published there; None if it knows of none."""
        ...

    async def close(self) -> None: ...
