"""Where epochs are sent: what is handed over, and what a target must do with it.

Behind this port stand `telemetry.kubo` and `telemetry.pinning`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chain.permit import Domain
from telemetry.cid import Cid
from telemetry.claim import Claim


def place_of(domain: Domain) -> str:
    """How targets name a registry on its chain."""
    return f"{domain.chain_id}:{domain.contract}"


class Package(Protocol):
    """A CAR on its way, whatever it holds."""

    @property
    def cid(self) -> Cid:
        """Its root's."""
        ...

    @property
    def car(self) -> Path: ...

    @property
    def label(self) -> str:
        """What people may find it by, where a target has room for that."""
        ...

    @property
    def said(self) -> Mapping[str, str]:
        """What it says of itself there."""
        ...


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

    @property
    def label(self) -> str:
        return f"forager/{self.place}/{self.agent}/{self.epoch:06}"

    @property
    def said(self) -> Mapping[str, str]:
        return self.claim.texts()


class Target(Protocol):
    """A place that keeps epochs. Whatever it raises, the epoch waits and is sent again."""

    @property
    def name(self) -> str:
        """What its progress is remembered by."""
        ...

    async def keep(self, package: Package) -> None:
        """Return once it is kept; keeping it again is fine."""
        ...

    async def mark(self, parcel: Parcel) -> None:
        """Remember there that this epoch, which is kept, is the newest."""
        ...

    async def holds(self, package: Package) -> bool:
        """Whether what was kept before is still kept; raises where that cannot be told."""
        ...

    async def claims(self, place: str, agent: int) -> Sequence[Claim]:
        """What it can show of this agent's epochs, the newest among them; of others' too, maybe."""
        ...

    async def close(self) -> None: ...
