"""How long lives last, though some were still going on when they were last seen. Pure.

Kaplan and Meier's curve uses every life for as long as it was watched; it is right if being watched
no longer (censoring) says nothing about how much longer a life would have lasted. Its mean is the
area under it up to a time `tau`: the restricted mean survival time, which needs no assumption about
hazards and is told in hours. Beyond the last life seen the curve stays where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

Z: Final = NormalDist().inv_cdf(0.975)
"""For intervals that hold 95 of 100 times."""


class Life(NamedTuple):
    """One life as far as it was watched: to its death, or no longer than this."""

    hours: float
    died: bool


class Step(NamedTuple):
    """The curve from this hour until the next step's."""

    hours: float
    at_risk: int
    """Lives still watched just before."""
    died: int
    censored: int
    alive: float
    """The share of lives that last longer."""
    variance: float
    """Greenwood's, of that share."""
    low: float
    high: float


class Mean(NamedTuple):
    """An estimate in hours with its standard error and 95% interval."""

    hours: float
    error: float
    low: float
    high: float


def curve(lives: Iterable[Life]) -> tuple[Step, ...]:
    """A step at 0 and at each hour at which lives died or were last seen."""
    told = sorted(lives, key=lambda life: life.hours)
    steps = [Step(0.0, len(told), 0, 0, 1.0, 0.0, 1.0, 1.0)]
    at_risk, spread = len(told), 0.0
    for hours, alike in groupby(told, key=lambda life: life.hours):
        ends = [life.died for life in alike]
        died = sum(ends)
        last = steps[-1]
        alive = last.alive * ((at_risk - died) / at_risk)
        if alive:
            spread += died / (at_risk * (at_risk - died))
            low, high = _band(alive, spread)
        else:
            low, high = 0.0, last.high
        told_of = (at_risk, died, len(ends) - died)
        steps.append(Step(hours, *told_of, alive, alive * alive * spread, low, high))
        at_risk -= len(ends)
    return tuple(steps)


def _band(alive: float, spread: float) -> tuple[float, float]:
    """95% of the logarithm of −log: it stays between 0 and 1."""
    if not spread:
        return alive, alive
    reach = Z * sqrt(spread) / log(alive)
    return alive ** exp(-reach), alive ** exp(reach)


def restricted_mean(lives: Sequence[Life], tau: float) -> Mean:
    """The mean of hours lived, counting none after `tau`; the error follows from Greenwood."""
    pieces = list(_pieces(curve(lives), tau))
    hours = sum(step.alive * width for step, width in pieces)
    rest, variance = hours, 0.0
    for step, width in pieces:
        left = step.at_risk - step.died
        if step.died and left:
            variance += rest * rest * step.died / (step.at_risk * left)
        rest -= step.alive * width
    error = sqrt(variance)
    return Mean(hours, error, max(hours - Z * error, 0.0), min(hours + Z * error, tau))


def _pieces(steps: Sequence[Step], tau: float) -> Iterator[tuple[Step, float]]:
    """Each step up to tau and how long it holds."""
    ends = [*(step.hours for step in steps[1:]), tau]
    for step, end in zip(steps, ends, strict=True):
        if step.hours < tau:
            yield step, max(min(end, tau) - step.hours, 0.0)


def median(lives: Iterable[Life]) -> float | None:
    """The first hour after which at most half still live; None if more than half always did."""
    return next((step.hours for step in curve(lives) if step.alive <= 0.5 + 1e-12), None)
