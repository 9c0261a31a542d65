"""Where epochs are sent: what is handed over, and what a target must do with it.

Behind this port stand `telemetry.kubo` and `telemetry.pinning`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chain.permit import Domain
from telemetry.cid import Cid
from telemetry.claim import Claim


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
    claim: Claim
    """Its head, as the log key signed it."""
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

    async def mark(self, parcel: Parcel) -> None:
        """Remember there that this epoch, which is kept, is the newest."""
        ...

    async def holds(self, parcel: Parcel) -> bool:
        """Whether an epoch kept before is still kept; raises where that cannot be told."""
        ...

    async def claims(self, place: str, agent: int) -> Sequence[Claim]:
        """What it can show of this agent's epochs, the newest among them; of others' too, maybe."""
        ...

    async def close(self) -> None: ...
