"""Where epochs are sent: what is handed over, and what a target must do with it.

Behind this port stand `telemetry.kubo` and `telemetry.pinning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chain.permit import Domain
from telemetry.cid import Cid


def place_of(domain: Domain) -> str:
    """How targets name a registry on its chain."""
    return f"{domain.chain_id}:{domain.contract}"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One epoch on its way: whose it is, its number and its name, and its file."""

    place: str
    """Chain and registry, by which agents of different worlds are told apart."""
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

    async def newest(self, place: str, agent: int) -> int | None:
        """The newest epoch that it knows to be published there; None if it knows of none."""
        ...

    async def close(self) -> None: ...
