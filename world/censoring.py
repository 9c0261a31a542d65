"""What to make of lives whose death was not seen. Pure.

A life that reached its horizon was watched for as long as was promised; that says nothing about it.
A life that was halted or lost might have died at once or lived on: between those two, the worst and
the best case, lies what would have been seen. Weights by the inverse chance of still being watched
stand in between; they are right if that chance depends on nothing but the hour and the scenario.

Survival is counted in paid hours, and hardly a life has every hour of its horizon paid. One that
was through nearly all of it counts as having reached the end, or the few that died in the last
hours would be alone at risk. One that slept through much of its time comes to its horizon with few
hours, and Kaplan and Meier take it for one that might have had many more: it counts as unfinished,
and in the worst case it had no more hours than these, which is the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from world.lived import Lived
from world.survival import Life

PAID_ENOUGH: Final = 0.95
"""Of its horizon; with less a life did not live through it."""


def seen(row: Lived, tau: float) -> Life:
    """As far as it was watched, up to `tau`."""
    through = row.censored == "horizon" and not slept(row)
    hours = max(row.paid_h, row.horizon_h) if through else row.paid_h
    return Life(min(hours, tau), row.event and hours <= tau)


def slept(row: Lived) -> bool:
    """Whether it came to its horizon with much of it unpaid."""
    return row.censored == "horizon" and row.paid_h < PAID_ENOUGH * row.horizon_h


def unfinished(row: Lived) -> bool:
    return row.censored in {"halted", "lost"} or slept(row)


def worst(row: Lived, tau: float) -> Life:
    """As if it had died when it was last seen."""
    life = seen(row, tau)
    return life._replace(died=True) if unfinished(row) and life.hours < tau else life


def best(row: Lived, tau: float) -> Life:
    """As if it had lived on."""
    return Life(tau, died=False) if unfinished(row) else seen(row, tau)


def weights(lives: Sequence[Life], tau: float) -> list[float]:
    """For each life whose hours up to `tau` are known, how many it stands for; 0 for the others."""
    watched, given = 1.0, [0.0] * len(lives)
    order = sorted(range(len(lives)), key=lambda at: (lives[at].hours, not lives[at].died))
    for behind, at in enumerate(order):
        if lives[at].died or lives[at].hours >= tau:
            given[at] = 1.0 / watched
        else:
            left = len(lives) - behind
            watched *= (left - 1) / left
    return given


def weighted_mean(strata: Iterable[Sequence[Life]], tau: float) -> float | None:
    """Of hours up to `tau`; None where not one life's are known."""
    told = [
        (weight, min(life.hours, tau))
        for lives in strata
        for weight, life in zip(weights(lives, tau), lives, strict=True)
    ]
    whole = sum(weight for weight, _ in told)
    return sum(weight * hours for weight, hours in told) / whole if whole else None
