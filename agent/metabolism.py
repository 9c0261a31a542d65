"""How long this life lasts if nothing changes, and how worried it should be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from chain.types import Micro, Wei
from compute.port import Lease, LeaseState, Offer
from strategies.port import Holdings, Vitals

MOST_HOURS: Final = 10_000.0

LADDER: Final = (Vitals.STARVING, Vitals.CRITICAL, Vitals.LEAN, Vitals.STEADY, Vitals.THRIVING)
RISES_AT_H: Final = (0.0, 4.0, 12.0, 36.0, 120.0)
"""Runway at which each rung is reached from below."""
FALLS_BELOW: Final = 0.8
"""A rung is left downwards only under this share of its threshold, so that vitals do not flutter."""


class Burn(NamedTuple):
    """What one hour costs in each coin."""

    micro: Micro
    wei: Wei


def lived_on(leases: Sequence[Lease]) -> Lease | None:
    """The lease that carries this life: an active one before one that is still being prepared."""
    rank = {LeaseState.ACTIVE: 0, LeaseState.GRACE: 1, LeaseState.PROVISIONING: 2}
    return min(leases, key=lambda lease: (rank.get(lease.state, 3), -lease.id), default=None)


def burn(lease: Lease | None, offers: Sequence[Offer], gas_per_hour: Wei) -> Burn:
    """The lease's own rate, or without one the cheapest offer's."""
    if lease is not None:
        return Burn(lease.micro_per_hour, gas_per_hour)
    cheapest = min((offer.micro_per_hour for offer in offers), default=Micro(0))
    return Burn(cheapest, gas_per_hour)


def runway_h(held: Holdings, lease: Lease | None, cost: Burn) -> float:
    """Hours until money or gas runs out, the smaller; what lies in the lease's escrow counts."""
    money = held.micro + (lease.balance if lease is not None else 0)
    by_money = money / cost.micro if cost.micro > 0 else MOST_HOURS
    by_gas = held.wei / cost.wei if cost.wei > 0 else MOST_HOURS
    return round(max(0.0, min(by_money, by_gas, MOST_HOURS)), 3)


def vitals(runway: float, before: Vitals | None) -> Vitals:
    """The rung of the ladder for this runway; falling needs more than rising."""
    rung = max(i for i, least in enumerate(RISES_AT_H) if runway >= least)
    if before is None:
        return LADDER[rung]
    was = LADDER.index(before)
    if rung >= was:
        return LADDER[rung]
    while was > rung and runway < RISES_AT_H[was] * FALLS_BELOW:
        was -= 1
    return LADDER[was]
