"""Whether two measures put things in the same order: Spearman's rank correlation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import atanh, sqrt, tanh
from typing import Final, NamedTuple

from world.resampling import Interval
from world.survival import Z

LEAST: Final = 4
"""With fewer there is no interval."""


class Correlation(NamedTuple):
    value: float
    within: Interval | None


def ranks(values: Sequence[float]) -> list[float]:
    """From 1; equal values share the mean of their places."""
    given, before = [0.0] * len(values), 0
    order = sorted(range(len(values)), key=values.__getitem__)
    for _, alike in groupby(order, key=values.__getitem__):
        places = list(alike)
        for place in places:
            given[place] = before + (len(places) + 1) / 2
        before += len(places)
    return given


def spearman(ours: Sequence[float], theirs: Sequence[float]) -> Correlation | None:
    """None if one of them tells nothing apart. The interval is Bonett and Wright's.

    A perfect order has none by that formula; it gets that of the next best, with two neighbours
    changed, up to itself.
    """
    value = _pearson(ranks(ours), ranks(theirs))
    if value is None:
        return None
    n = len(ours)
    if n < LEAST:
        return Correlation(value, None)
    nearly = 1 - 12 / (n**3 - n)
    told = min(max(value, -nearly), nearly)
    reach = Z * sqrt((1 + told * told / 2) / (n - 3))
    low, high = tanh(atanh(told) - reach), tanh(atanh(told) + reach)
    return Correlation(value, Interval(min(low, value), max(high, value)))


def _pearson(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    middle = (len(ours) + 1) / 2
    both = sum((a - middle) * (b - middle) for a, b in zip(ours, theirs, strict=True))
    spread = sum((a - middle) ** 2 for a in ours) * sum((b - middle) ** 2 for b in theirs)
    return min(max(both / sqrt(spread), -1.0), 1.0) if spread else None
