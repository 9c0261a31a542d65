"""How good the critic is on lives it never saw: does it rank them, and are its hours real hours?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch

from finetune.critic import (
    Critic,
    CriticCourse,
    beforehand,
    discounts,
    learn,
    menus,
    values,
)
from finetune.moments import LAST, Moments

AS_BEFORE: Final = 1e6
"""Hours of advantage that change nothing: the value of the policy that was lived by."""
ASKED: Final = 400
"""Moments, one a life as long as there are lives, so that no life is asked twice as often."""


@dataclass(frozen=True, slots=True)
class Trial:
    """On unseen lives: the share of pairs ranked rightly, and realised hours over foretold ones."""

    c_index: float
    slope: float
    moments: int


def try_critic(seen: Moments, unseen: Moments, course: CriticCourse) -> Trial:
    """A critic of lives as they were lived, tried on others: deaths and censoring as they came."""
    critic = learn(seen, replace(course, beta=AS_BEFORE))
    dice = np.random.default_rng(course.seed)
    order = dice.permutation(len(unseen))
    _, first = np.unique(unseen.life[order], return_index=True)
    asked = np.concatenate((order[first], np.setdiff1d(order, order[first])))[:ASKED]
    foretold = _value(critic, unseen, asked, course)
    realised = returns(unseen, course.discount)[asked]
    seen_to_end = _died(unseen)[asked]
    return Trial(
        concordance(foretold, unseen.remaining[asked], seen_to_end),
        _slope(foretold[seen_to_end], realised[seen_to_end]),
        len(asked),
    )


def returns(moments: Moments, discount: float) -> np.ndarray[Any, Any]:
    """Discounted paid hours from each moment on."""
    found, fading = np.zeros(len(moments), dtype=np.float64), discounts(moments, discount)
    for i in range(len(moments) - 1, -1, -1):
        after = moments.following[i]
        found[i] = moments.hours[i] + (fading[i] * found[after] if after != LAST else 0.0)
    return found


def concordance(
    foretold: np.ndarray[Any, Any], lasted: np.ndarray[Any, Any], died: np.ndarray[Any, Any]
) -> float:
    """Harrell's: of the pairs whose order is known, so many are foretold in that order."""
    right = known = 0.0
    for i in np.flatnonzero(died):
        later = (lasted > lasted[i]) | ((lasted == lasted[i]) & ~died)
        known += later.sum()
        right += (foretold[later] > foretold[i]).sum() + 0.5 * (
            foretold[later] == foretold[i]
        ).sum()
    return float(right / known) if known else float("nan")


@torch.no_grad()
def _value(
    critic: Critic, moments: Moments, which: np.ndarray[Any, Any], course: CriticCourse
) -> np.ndarray[Any, Any]:
    menu = menus(moments, which)
    mean = (values(critic, menu).mean(0) * menu.mu).sum(-1).numpy()
    found: np.ndarray[Any, Any] = mean + beforehand(moments, course.discount)[which]
    return found


def _died(moments: Moments) -> np.ndarray[Any, Any]:
    """Whether the life of each moment was seen to die."""
    ends = np.zeros(int(moments.life.max(initial=-1)) + 1, dtype=bool)
    ends[moments.life[moments.died]] = True
    found: np.ndarray[Any, Any] = ends[moments.life]
    return found


def _slope(foretold: np.ndarray[Any, Any], realised: np.ndarray[Any, Any]) -> float:
    if len(foretold) < 2 or not foretold.std():
        return float("nan")
    return float(np.polyfit(foretold, realised, 1)[0])
