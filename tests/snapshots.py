"""Snapshots for tests: the samples that strategies ship with, and a hibernating remote life."""

from __future__ import annotations

from typing import Any

from strategies.port import Placing, Snapshot
from strategies.samples import (
    GUARDIAN,
    HOUR,
    HOURLY,
    NOW,
    PLACES,
    PROVIDER,
    RIVAL_PROVIDER,
    TOOLS,
    WALLET,
    address,
    job,
    lease,
    moments,
    offer,
    rate,
    snapshot,
)

__all__ = [
    "GUARDIAN",
    "HOUR",
    "HOURLY",
    "NOW",
    "PLACES",
    "PROVIDER",
    "RIVAL_PROVIDER",
    "TOOLS",
    "WALLET",
    "address",
    "asleep",
    "job",
    "lease",
    "moments",
    "offer",
    "rate",
    "snapshot",
]


def asleep(hours: float = 4, **changes: Any) -> Snapshot:
    """A remote life without a lease."""
    plain = {"placing": Placing.REMOTE, "lease": None, "unleased_s": int(hours * HOUR)}
    return snapshot(**(plain | changes))
