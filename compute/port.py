"""Compute as the layers above see it: offers, leases, and something that scores a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from chain.port import Reader
from chain.types import RATE_SCALE, Address, Call, Micro


class LeaseState(StrEnum):
    """QUOTED → REQUESTED → PROVISIONING → ACTIVE → GRACE → CLOSING → CLOSED, or FAILED, or LOST."""

    QUOTED = "quoted"
    REQUESTED = "requested"
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    GRACE = "grace"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider would rent, at a rate in micro-units a second times 10¹⁸."""

    network: str
    id: int
    provider: Address
    rate: int
    min_s: int
    max_s: int
    grace_s: int
    free: int
    uri: str

    @property
    def micro_per_hour(self) -> Micro:
        return Micro(self.rate * 3600 // RATE_SCALE)


@dataclass(frozen=True, slots=True)
class Lease:
    """Rented compute as one block shows it; `balance` is what is left in escrow at that block."""

    network: str
    id: int
    offer: int
    provider: Address
    guardian: Address
    uri: str
    state: LeaseState
    rate: int
    balance: Micro
    opened_at: int
    paid_until: int
    """Chain time at which the escrow is empty or the lease's own end is reached."""
    ends_at: int
    manifest: str

    @property
    def micro_per_hour(self) -> Micro:
        return Micro(self.rate * 3600 // RATE_SCALE)


@dataclass(frozen=True, slots=True)
class ModelId:
    """SHA-256 digests of what thinks; `reflex` stands in all three when no model did."""

    gguf: str
    adapter: str
    engine: str


REFLEX = ModelId("reflex", "", "")


@dataclass(frozen=True, slots=True)
class Scores:
    """One logit for each label, from a single forward pass."""

    logits: tuple[float, ...]
    model: ModelId


class Scorer(Protocol):
    """A model that scores labels. Raises `NoModel` when it cannot within its deadline."""

    async def score(self, prompt: str, labels: Sequence[str]) -> Scores: ...

    async def close(self) -> None: ...


class ComputeProvider(Protocol):
    """A market where a wallet can rent compute. It describes calls; only the signer makes them."""

    name: str

    async def discover(self, read: Reader) -> Sequence[Offer]:
        """Open offers with room, cheapest first."""
        ...

    async def leases(self, read: Reader, tenant: Address) -> Sequence[Lease]:
        """This tenant's leases that are not closed, newest first."""
        ...

    def open(
        self, offer: Offer, deposit: Micro, guardian: Address, manifest: str, valid_before: int
    ) -> Call:
        """Rent at no other price than the offer's; refused by the market when it has moved."""
        ...

    def extend(self, lease: Lease, amount: Micro, valid_before: int) -> Call: ...

    def close(self, lease: Lease) -> Call:
        """End at once; the remainder comes back."""
        ...
