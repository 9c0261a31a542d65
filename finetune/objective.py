"""What a policy is taught at each moment: a distribution over its menu, and how much it weighs.

`awrq` is the worker's own. The rest are what it is compared with: filtered imitation, KTO and
advantages of whole lives; and two controls in which nothing can be learnt. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from finetune.moments import Moments

CLIP: Final = 20.0
NAMES: Final = ("awrq", "filtered", "kto", "per_sample", "shuffled", "zero")
BEST: Final = 0.25
"""Of the lives, so many are imitated by filtered imitation."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Aim:
    """How hard to improve."""

    name: str = "awrq"
    beta: float = 0.35
    """Advantages are taken in their own spread; this much of it makes e times likelier."""
    merit: float = 1.0
    """A life that lasted a spread longer than others of its world weighs e to this times more."""
    most_life: float = 0.01
    """No life weighs more of the whole."""
    seed: int = 0

    @property
    def needs_critic(self) -> bool:
        return self.name in ("awrq", "shuffled")


class Lesson(NamedTuple):
    """For each line a share that adds up to one over its menu, and for each moment a weight.

    KTO also teaches what not to do: `sign` is −1 for moments to be unlearnt, 1 for all others.
    """

    target: Array
    weight: Array
    sign: Array


def lesson(
    moments: Moments, advantage: Array, aim: Aim, worlds: Sequence[str] | None = None
) -> Lesson:
    """`advantage` is the critic's, of every line over what was likely; `worlds` are the lives'."""
    menu_of = np.repeat(np.arange(len(moments)), np.diff(moments.starts))
    ones = np.ones(len(moments), dtype=np.float32)
    if aim.name == "shuffled":
        return Lesson(moments.mu, _fair(moments, _shuffled(moments, advantage, aim), aim), ones)
    if aim.name == "zero":
        advantage = np.zeros_like(advantage)
    taken = np.zeros_like(moments.mu)
    taken[moments.starts[:-1] + moments.chosen] = 1.0
    if aim.name in ("awrq", "zero"):
        spread = max(1e-6, float(np.sqrt((moments.mu * advantage**2).sum() / len(moments))))
        grown = moments.mu * np.minimum(
            np.exp(np.minimum(advantage / (aim.beta * spread), 50)), CLIP
        )
        target = grown / _sum(grown, menu_of, len(moments))[menu_of]
        weight = ones if aim.name == "zero" else _merit(moments, worlds, aim.merit)[moments.life]
        return Lesson(target.astype(np.float32), _fair(moments, weight, aim), ones)
    fitness = _fitness(moments)
    if aim.name == "filtered":
        kept = (fitness >= np.quantile(fitness, 1 - BEST)).astype(np.float32)
        return Lesson(taken, _fair(moments, kept[moments.life], aim), ones)
    if aim.name == "per_sample":
        returns = (fitness - fitness.mean()) / max(1e-6, float(fitness.std()))
        weight = np.minimum(np.exp(returns / aim.beta), CLIP).astype(np.float32)
        return Lesson(taken, _fair(moments, weight[moments.life], aim), ones)
    good = np.where(fitness >= np.median(fitness), 1.0, -1.0).astype(np.float32)
    return Lesson(taken, _fair(moments, ones, aim), good[moments.life])


def _merit(moments: Moments, worlds: Sequence[str] | None, merit: float) -> Array:
    """Of each life beside the others that had the same luck."""
    hours = _fitness(moments)
    _, world = np.unique(worlds or ["one"] * len(hours), return_inverse=True)
    lives = np.bincount(world)
    mean = np.bincount(world, weights=hours) / lives
    spread = np.sqrt(np.bincount(world, weights=(hours - mean[world]) ** 2) / lives)
    standing = (hours - mean[world]) / np.maximum(spread, 1.0)[world]
    found: Array = np.minimum(np.exp(merit * standing), CLIP).astype(np.float32)
    return found


def _shuffled(moments: Moments, advantage: Array, aim: Aim) -> Array:
    """Weights as large as real ones, each at somebody else's moment: they say nothing of it."""
    taken = advantage[moments.starts[:-1] + moments.chosen]
    spread = max(1e-6, float(taken.std()))
    weights = np.minimum(np.exp(np.minimum(taken / (aim.beta * spread), 50)), CLIP)
    return np.random.default_rng(aim.seed).permutation(weights).astype(np.float32)


def _fitness(moments: Moments) -> Array:
    """Paid hours of each life."""
    lives = int(moments.life.max(initial=-1)) + 1
    return np.bincount(moments.life, weights=moments.hours, minlength=lives)


def _fair(moments: Moments, weight: Array, aim: Aim) -> Array:
    """No life may outweigh the others: what it has over the cap is taken from all its moments."""
    lives = int(moments.life.max(initial=-1)) + 1
    for _ in range(8):
        held = np.bincount(moments.life, weights=weight, minlength=lives)
        cap = max(aim.most_life, 1.0 / max(1, int((held > 0).sum()))) * held.sum()
        weight = weight * np.minimum(1.0, cap / np.maximum(held, 1e-9))[moments.life]
    return (weight / max(1e-9, float(weight.mean()))).astype(np.float32)


def _sum(of: Array, menu_of: Array, count: int) -> Array:
    return np.bincount(menu_of, weights=of, minlength=count)
