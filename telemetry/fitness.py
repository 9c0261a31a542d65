"""How long a life was paid for: the unit in which survival is counted. Pure.

A paid second is a chain second under an active lease, as the market settled it. Leases from the
operator's own providers are counted apart: one cannot live by renting to oneself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """A time that some lease was paid for, in chain seconds; `own` if from its own operator."""

    start: int
    stop: int
    own: bool


class Paid(NamedTuple):
    """Chain seconds, none counted twice; one that is both is another's."""

    seconds: int
    own_seconds: int


def paid(spans: Iterable[Span]) -> Paid:
    every = list(spans)
    others = _length(_union(span for span in every if not span.own))
    return Paid(others, _length(_union(every)) - others)


def _union(spans: Iterable[Span]) -> Iterator[tuple[int, int]]:
    """The same times without overlaps, in order."""
    start = stop = None
    for span in sorted(span for span in spans if span.stop > span.start):
        if stop is None or span.start > stop:
            if start is not None and stop is not None:
                yield start, stop
            start, stop = span.start, span.stop
        else:
            stop = max(stop, span.stop)
    if start is not None and stop is not None:
        yield start, stop


def _length(times: Iterable[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in times)
