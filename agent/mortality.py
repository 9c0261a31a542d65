"""Whether this life must begin its ending now. Pure; it knows nothing of halting."""

from __future__ import annotations

from typing import Final, NamedTuple

from compute.port import LeaseState
from strategies.port import Placing, Snapshot

HOUR_S: Final = 3600
HOUSED: Final = (LeaseState.ACTIVE, LeaseState.GRACE)
COMING: Final = (LeaseState.REQUESTED, LeaseState.PROVISIONING)


class Ending(NamedTuple):
    """Why a life ends: one of the design's ends, and what brought it about."""

    reason: str
    cause: str


def judge(seen: Snapshot, will_s: int, margin_s: int) -> Ending | None:
    """The ending that has come, if any; `will_s` and `margin_s` in chain seconds."""
    needed = will_s + margin_s
    if seen.age_s >= seen.horizon_s:
        return Ending("horizon", "its time was up")
    if seen.unleased_s >= max(seen.hibernate_max_s - needed, seen.hibernate_max_s // 2):
        return Ending("died", "no lease for too long")
    if seen.holdings.stale:
        return None
    if seen.runway_h * HOUR_S <= needed:
        return Ending("died", "insolvent")
    if seen.placing is Placing.EMBODIED:
        return _body(seen, needed)
    return None


def _body(seen: Snapshot, needed: int) -> Ending | None:
    """An embodied life ends with its machine, unless a payment for it is under way."""
    paying = any(pending.key.startswith("thrift.") for pending in seen.in_flight)
    lease = seen.lease
    if lease is not None and lease.state in COMING:
        return None
    if lease is None or lease.state not in HOUSED:
        return None if paying else Ending("died", "evicted")
    if lease.paid_until - seen.block.at <= needed and not paying:
        return Ending("died", "the lease was not renewed")
    return None
