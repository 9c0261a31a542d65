"""How long this life lasts if nothing changes, and how worried it should be. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from chain.types import Json, Micro, Wei
from compute.port import Lease, LeaseState, Offer
from strategies.port import LIQUID, Holdings, Vitals

MOST_HOURS: Final = 10_000.0

NOTHING: Final = Micro(0)
DIGITS: Final = 78
"""Of the largest amount that a contract knows."""

LADDER: Final = (Vitals.STARVING, Vitals.CRITICAL, Vitals.LEAN, Vitals.STEADY, Vitals.THRIVING)
RISES_AT_H: Final = (0.0, 4.0, 12.0, 36.0, 120.0)
"""Runway at which each rung is reached from below."""
FALLS_BELOW: Final = 0.8
"""A rung is left downwards only under this share of it, so that vitals do not flutter."""
HOUSED: Final = (LeaseState.ACTIVE, LeaseState.GRACE)
COMING: Final = (LeaseState.QUOTED, LeaseState.REQUESTED, LeaseState.PROVISIONING)
RANK: Final = (LeaseState.ACTIVE, LeaseState.GRACE, LeaseState.PROVISIONING, LeaseState.REQUESTED)


class Burn(NamedTuple):
    """What one hour costs in each coin."""

    micro: Micro
    wei: Wei


def lived_on(leases: Sequence[Lease]) -> Lease | None:
    """The lease that carries this life: an active one, else one that comes, else a dead one."""
    rank = {state: place for place, state in enumerate(RANK)}
    return min(
        leases, key=lambda lease: (rank.get(lease.state, len(rank)), -lease.id), default=None
    )


def rent(lease: Lease | None, offers: Sequence[Offer], usual: Micro = NOTHING) -> Micro:
    """The lease's own price of an hour, else the cheapest offer's, else the last one known."""
    if lease is not None and lease.state in (*HOUSED, *COMING):
        return lease.micro_per_hour
    fitting = (offer.micro_per_hour for offer in offers if offer.free and offer.rate)
    return min(fitting, default=usual)


def escrow(leases: Sequence[Lease]) -> Micro:
    """What is in deposit for whatever is leased: it is spent on rent or comes back."""
    return Micro(sum(lease.balance for lease in leases))


def liquid(survey: Mapping[str, Json]) -> Micro:
    """What a strategy could have back at once, as its survey says."""
    said = survey.get(LIQUID)
    if not isinstance(said, str) or len(said) > DIGITS:
        return NOTHING
    return Micro(int(said)) if said.isascii() and said.isdecimal() else NOTHING


def savings(surveys: Mapping[str, Mapping[str, Json]]) -> Micro:
    """What all of them could have back at once; no stranger's survey says anything of it."""
    return Micro(sum(map(liquid, surveys.values())))


def runway_h(held: Holdings, elsewhere: Micro, cost: Burn) -> float:
    """Hours until money or gas runs out, the smaller; in escrow and in savings is money too."""
    by_money = (held.micro + elsewhere) / cost.micro if cost.micro > 0 else MOST_HOURS
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
