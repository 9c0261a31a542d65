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
    start: str = "lives"
    """What advantages bend: the choices that were made in all `lives`, or the `parent`'s own,
    wherever the newest generation has been or somebody who outlived the others in his world."""
    stake: float = 0.6
    """Of a parent's moments so many are read: those in which most is to be won or lost."""
    most_life: float = 0.01
    """No life weighs more of the whole."""
    seed: int = 0

    @property
    def needs_critic(self) -> bool:
        return self.name in ("awrq", "shuffled")


class Lesson(NamedTuple):
    """For each line a share that adds up to one over its menu, and for each moment a weight.

    KTO also teaches what not to do: `sign` is −1 for moments to be unlearnt, 1 for all others.
    Where `bends` is 1, a share says how many times likelier than for the parent a line is to be.
    """

    target: Array
    weight: Array
    sign: Array
    bends: Array


def lesson(
    moments: Moments,
    advantage: Array,
    aim: Aim,
    worlds: Sequence[str] | None = None,
    generations: Sequence[int] | None = None,
) -> Lesson:
    """`advantage` is the critic's, of every line over what was likely; the rest are the lives'."""
    menu_of = np.repeat(np.arange(len(moments)), np.diff(moments.starts))
    ones = np.ones(len(moments), dtype=np.float32)
    none = np.zeros_like(ones)
    if aim.name == "shuffled":
        weight = _shuffled(moments, advantage, aim)
        return Lesson(moments.mu, _fair(moments, weight, aim), ones, none)
    if aim.name == "zero":
        advantage = np.zeros_like(advantage)
    taken = np.zeros_like(moments.mu)
    taken[moments.starts[:-1] + moments.chosen] = 1.0
    if aim.name in ("awrq", "zero"):
        spread = max(1e-6, float(np.sqrt((moments.mu * advantage**2).sum() / len(moments))))
        growth = np.minimum(np.exp(np.minimum(advantage / (aim.beta * spread), 50)), CLIP)
        if aim.start == "parent":
            among = _newest(moments, generations) | (_standing(moments, worlds) > 0)[moments.life]
            weight = _at_stake(moments, advantage, among, aim.stake)
            return Lesson(growth.astype(np.float32), _fair(moments, weight, aim), ones, ones)
        grown = moments.mu * growth
        target = grown / _sum(grown, menu_of, len(moments))[menu_of]
        weight = ones if aim.name == "zero" else _merit(moments, worlds, aim.merit)[moments.life]
        return Lesson(target.astype(np.float32), _fair(moments, weight, aim), ones, none)
    fitness = _fitness(moments)
    if aim.name == "filtered":
        kept = (fitness >= np.quantile(fitness, 1 - BEST)).astype(np.float32)
        return Lesson(taken, _fair(moments, kept[moments.life], aim), ones, none)
    if aim.name == "per_sample":
        returns = (fitness - fitness.mean()) / max(1e-6, float(fitness.std()))
        weight = np.minimum(np.exp(returns / aim.beta), CLIP).astype(np.float32)
        return Lesson(taken, _fair(moments, weight[moments.life], aim), ones, none)
    good = np.where(fitness >= np.median(fitness), 1.0, -1.0).astype(np.float32)
    return Lesson(taken, _fair(moments, ones, aim), good[moments.life], none)


def _merit(moments: Moments, worlds: Sequence[str] | None, merit: float) -> Array:
    """What a life weighs."""
    grown = np.exp(merit * _standing(moments, worlds))
    found: Array = np.minimum(grown, CLIP).astype(np.float32)
    return found


def _standing(moments: Moments, worlds: Sequence[str] | None) -> Array:
    """Of each life beside the others that had the same luck, in spreads."""
    hours = _fitness(moments)
    _, world = np.unique(worlds or ["one"] * len(hours), return_inverse=True)
    lives = np.bincount(world)
    mean = np.bincount(world, weights=hours) / lives
    spread = np.sqrt(np.bincount(world, weights=(hours - mean[world]) ** 2) / lives)
    found: Array = (hours - mean[world]) / np.maximum(spread, 1.0)[world]
    return found


def _newest(moments: Moments, generations: Sequence[int] | None) -> Array:
    """Whether a moment is of a life of the newest generation: where the next one will be too."""
    of = np.asarray(generations or [0] * (int(moments.life.max(initial=-1)) + 1))
    found: Array = (of == of.max(initial=0))[moments.life]
    return found


def _at_stake(moments: Moments, advantage: Array, among: Array, share: float) -> Array:
    """The best line and the worst are far apart."""
    starts = moments.starts[:-1]
    apart = np.maximum.reduceat(advantage, starts) - np.minimum.reduceat(advantage, starts)
    least = np.quantile(apart[among], 1 - share)
    found: Array = (among & (apart >= least)).astype(np.float32)
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
