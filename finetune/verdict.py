"""The gate's judgement on rows of lives: does the child live longer, and did nothing else change?
Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from world import censoring
from world.contrasts import Pair
from world.evidence import evidence
from world.lived import Lived
from world.reporting.grouping import Place, places
from world.survival import Life, restricted_mean

MOST_UNSOUND: Final = 20
"""More than one life in so many may not fail its audit."""
DRIFT: Final = 2.0
"""Standard errors by which an anchor may live otherwise than before."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is promoted, and each reason against it."""

    promoted: bool
    e: float
    child_h: float
    parent_h: float
    worlds: int
    against: tuple[str, ...]
    child: str = ""
    """The model's digest."""


def judge(
    rows: Sequence[Lived],
    child: str,
    parent: str,
    *,
    e_value: float,
    least_effect: float,
    vetoes: Sequence[str] = (),
    model: str = "",
) -> Verdict:
    """`vetoes` are what a backtest or the probe found; they can only stand against it."""
    sound = [row for row in rows if row.audit_ok]
    its = places(sound, {})
    found = evidence(_pairs(place, child, parent) for place in its)
    ours, theirs = _mean(its, child), _mean(its, parent)
    against = list(vetoes)
    if found.e < e_value:
        against.append(f"the evidence is {found.e:.3g}, {e_value:g} was promised")
    if theirs and ours < least_effect * theirs:
        against.append(f"it lives {ours:.1f} h, its parent {theirs:.1f} h")
    if (unsound := len(rows) - len(sound)) * MOST_UNSOUND > len(rows):
        against.append(f"{unsound} of {len(rows)} lives have faults in their audits")
    return Verdict(not against, found.e, ours, theirs, found.worlds, tuple(against), model)


def false_promotions(
    rows: Sequence[Lived], policy: str, runs: int, e_value: float, seed: int = 0
) -> float:
    """A/A: how often a policy is promoted over itself, in recorded worlds drawn again and again."""
    dice = Random(seed)  # a resampling, not a secret
    its = places([row for row in rows if row.audit_ok], {})
    lives = {place.scenario: _lives(place, policy) for place in its}
    promoted = 0
    for _ in range(runs):
        scenarios: list[list[Pair]] = []
        for told in lives.values():
            count = len(told) // 2
            drawn = [dice.choice(told) for _ in range(2 * count)] if count else []
            scenarios.append([Pair([drawn[2 * i]], [drawn[2 * i + 1]]) for i in range(count)])
        promoted += evidence(scenarios).highest >= e_value
    return promoted / runs if runs else 0.0


def _pairs(place: Place, ours: str, theirs: str) -> list[Pair]:
    return place.pairs(ours, theirs, place.tau_h, censoring.seen, censoring.seen)


def _lives(place: Place, policy: str) -> list[Life]:
    worlds = place.worlds(policy, censoring.seen, place.tau_h)
    return [life for world in worlds for life in world]


def _mean(its: Sequence[Place], policy: str) -> float:
    """The mean of the scenarios' restricted means."""
    means = [
        restricted_mean(lives, place.tau_h).hours
        for place in its
        if (lives := _lives(place, policy))
    ]
    return sum(means) / len(means) if means else 0.0
