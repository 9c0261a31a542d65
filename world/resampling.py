"""What an estimate would have been with other worlds of the same kind: the bootstrap. Pure.

Lives of one world share its luck, so whole worlds are drawn, with all that lived in them. The draws
follow from a fixed seed: the same lives give the same interval everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from random import Random
from typing import Final, NamedTuple

from world.survival import Life

DRAWS: Final = 1000
SEED: Final = 20_240


World = Sequence[Life]
"""Lives of one policy in one world; at least one."""


class Interval(NamedTuple):
    low: float
    high: float


def interval(drawn: Sequence[float]) -> Interval:
    """The middle 95 of 100 draws."""
    told = sorted(drawn)
    each_side = ceil(0.025 * len(told)) - 1
    return Interval(told[each_side], told[-1 - each_side])


def weights(strata: Sequence[int], draws: int = DRAWS, seed: int = SEED) -> Iterator[list[int]]:
    """How often each world comes up, draw by draw; each stratum keeps its number of worlds."""
    chance = Random(seed)  # noqa: S311 - repeatable draws, no secrets
    for _ in range(draws):
        times = []
        for worlds in strata:
            drawn = [0] * worlds
            for _ in range(worlds):
                drawn[int(chance.random() * worlds)] += 1
            times += drawn
        yield times


class Sorted:
    """Lives in the order of their hours, so that a draw costs one pass over them."""

    def __init__(self, worlds: Sequence[World], tau: float) -> None:
        told = [(life, place) for place, lives in enumerate(worlds) for life in lives]
        # Of ends at one hour deaths come first: who was last seen then was still at risk.
        told.sort(key=lambda each: (each[0].hours, not each[0].died))
        self._ends = [(life.hours, life.died, place) for life, place in told]
        self._tau = tau

    def mean(self, times: Sequence[float]) -> float:
        """The restricted mean with each world counted so often."""
        at_risk = sum(times[place] for _, _, place in self._ends)
        alive, area, before = 1.0, 0.0, 0.0
        for hours, died, place in self._ends:
            if hours >= self._tau:
                break
            weight = times[place]
            if not weight:
                continue
            if died:
                area += alive * (hours - before)
                before = hours
                alive *= (at_risk - weight) / at_risk
            at_risk -= weight
        return area + alive * (self._tau - before)


def mean_draws(strata: Sequence[Sequence[World]], tau: float, seed: int = SEED) -> list[float]:
    """Restricted means over worlds drawn anew, those of each scenario by themselves."""
    told = Sorted([world for worlds in strata for world in worlds], tau)
    return [told.mean(times) for times in weights([len(each) for each in strata], seed=seed)]
