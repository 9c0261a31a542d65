"""Whether this life must begin its ending now. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from agent.metabolism import COMING, HOUSED, Burn, rent, runway_h, savings
from chain.types import Micro, Wei
from strategies.port import Placing, Snapshot
from strategies.rent import EXTEND, OPEN

HOUR_S: Final = 3600
WILL_GAS: Final = 600_000
"""What the ending's own transactions burn: a lease closed, tokens and ether home, the last word."""


class Ending(NamedTuple):
    """Why a life ends: one of the design's ends, and what brought it about."""

    reason: str
    cause: str


def judge(seen: Snapshot, will_s: int, margin_s: int) -> Ending | None:
    """The ending that has come, if any; `will_s` and `margin_s` in chain seconds."""
    needed = will_s + margin_s
    if seen.age_s >= seen.horizon_s:
        return Ending("horizon", "its time was up")
    if seen.holdings.stale:
        return None
    if seen.unleased_s >= max(seen.hibernate_max_s - needed, seen.hibernate_max_s // 2):
        return Ending("died", "no lease for too long")
    if seen.runway_h * HOUR_S <= needed and (_dry(seen) or _broke(seen, needed)):
        return Ending("died", "insolvent")
    if seen.placing is Placing.EMBODIED:
        return _body(seen, margin_s)
    return None


def _dry(seen: Snapshot) -> bool:
    """Gas for no more than the ending.

    The measured burn alone proves nothing: a life's first hours burn more than the rest, and a
    price that has just risen may fall again.
    """
    return seen.holdings.wei < WILL_GAS * seen.gas_price


def _broke(seen: Snapshot, needed: int) -> bool:
    """No money to live on, nor any to be had at once.

    But a remote life may sleep and earn, unless it sleeps too long.
    """
    if seen.placing is Placing.REMOTE:
        return False
    deposited = Micro(0) if seen.lease is None else seen.lease.balance
    elsewhere = Micro(deposited + savings(seen.surveys))
    cost = Burn(rent(seen.lease, seen.offers), Wei(0))
    return runway_h(seen.holdings, elsewhere, cost) * HOUR_S <= needed


def _body(seen: Snapshot, margin_s: int) -> Ending | None:
    """An embodied life ends with its machine, unless a payment for it is under way.

    It may pay until the last moment: the time for its will comes after it was told to leave.
    """
    lease = seen.lease
    if lease is not None and lease.state in COMING:
        return None
    flying = {pending.key for pending in seen.in_flight}
    if lease is None or lease.state not in HOUSED:
        return None if OPEN in flying else Ending("died", "evicted")
    if lease.paid_until - seen.block.at <= margin_s and not flying & {OPEN, EXTEND}:
        return Ending("died", "the lease was not renewed")
    return None
