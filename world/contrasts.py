"""How much longer one policy's lives last than another's in the same worlds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import erfc, sqrt
from typing import NamedTuple

from world.resampling import SEED, Interval, Sorted, interval, weights
from world.survival import Life


class Pair(NamedTuple):
    """The lives of two policies in one world; of each at least one."""

    ours: Sequence[Life]
    theirs: Sequence[Life]


class Contrast(NamedTuple):
    """A difference in hours and a ratio of restricted means; no ratio where theirs is none."""

    difference: float
    difference_within: Interval
    ratio: float | None
    ratio_within: Interval | None


class LogRank(NamedTuple):
    """Deaths of ours against those expected if both died alike."""

    died: int
    expected: float
    variance: float
    statistic: float
    """Chi-squared with one degree of freedom."""
    p: float


class Death(NamedTuple):
    """An hour at which somebody died, and who was at risk then."""

    ours: int
    theirs: int
    our_risk: int
    their_risk: int


def contrast(strata: Sequence[Sequence[Pair]], tau: float, seed: int = SEED) -> Contrast:
    """Whole worlds are drawn again, so that what both shared in one stays shared."""
    worlds = [world for each in strata for world in each]
    ours = Sorted([world.ours for world in worlds], tau)
    theirs = Sorted([world.theirs for world in worlds], tau)
    sizes = [len(each) for each in strata]
    drawn = [(ours.mean(t), theirs.mean(t)) for t in weights(sizes, seed=seed)]
    once = [1] * len(worlds)
    a, b = ours.mean(once), theirs.mean(once)
    differences = interval([x - y for x, y in drawn])
    if b <= 0 or any(y <= 0 for _, y in drawn):
        return Contrast(a - b, differences, a / b if b > 0 else None, None)
    return Contrast(a - b, differences, a / b, interval([x / y for x, y in drawn]))


def deaths(ours: Iterable[Life], theirs: Iterable[Life]) -> Iterator[Death]:
    """Hour by hour; who was last seen at an hour was still at risk in it."""
    told = sorted([(life, True) for life in ours] + [(life, False) for life in theirs])
    a, b = sum(mine for _, mine in told), sum(not mine for _, mine in told)
    at = 0
    while at < len(told):
        hours, end = told[at][0].hours, at
        while end < len(told) and told[end][0].hours == hours:
            end += 1
        alike = told[at:end]
        died = [mine for life, mine in alike if life.died]
        if died:
            yield Death(sum(died), len(died) - sum(died), a, b)
        mine = sum(mine for _, mine in alike)
        a, b, at = a - mine, b - (len(alike) - mine), end


def log_rank(strata: Iterable[tuple[Sequence[Life], Sequence[Life]]]) -> LogRank:
    """Compared within each stratum only: worlds of one scenario, whose dangers are alike."""
    died, expected, variance = 0, 0.0, 0.0
    for ours, theirs in strata:
        for death in deaths(ours, theirs):
            n, d = death.our_risk + death.their_risk, death.ours + death.theirs
            died += death.ours
            expected += d * death.our_risk / n
            if n > 1:
                both = death.our_risk * death.their_risk
                variance += d * (n - d) * both / (n * n * (n - 1))
    statistic = (died - expected) ** 2 / variance if variance else 0.0
    return LogRank(died, expected, variance, statistic, erfc(sqrt(statistic / 2)))
