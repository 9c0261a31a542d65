"""How far a model's readings are to be believed: by what it says of news that is over. Pure.

A model that was never taught to read news answers all the same, and boldly. So the very model that
is to forecast first reads texts of rounds that are over, and its readings are shrunk by the slope
of a regression of returns on readings: to nothing for one that says nothing, hardly for a good one.
Until it is plain that its readings tell good news from bad, nothing is believed: one that always
says the same tells nothing, however right it happened to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

PRIOR_SD: Final = 0.5
"""Slopes are expected about zero, this far from it: no record is no reason to believe."""
SURE: Final = 2.0
"""The slope must be so many times its error."""
LEAST_TRIED: Final = 6
LEAST_NOISE: Final = 0.1
"""No record is so good that less is left unexplained, as a share of the span."""


class Trust(NamedTuple):
    """What a reading is multiplied by, and what it then still misses on average (a share)."""

    slope: float
    miss: float
    tried: int


NONE: Final = Trust(0.0, 1.0, 0)


def judge(tried: Sequence[tuple[float, float]]) -> Trust:
    """From pairs of a reading and the return that followed, both shares of the span."""
    if len(tried) < LEAST_TRIED:
        return Trust(0.0, 1.0, len(tried))
    slope, _, miss = _fit(tried)
    apart, error, _ = _fit(_centred(tried))
    if slope <= 0 or apart <= SURE * error:
        return Trust(0.0, _miss(tried, 0.0), len(tried))
    return Trust(min(1.0, slope), miss, len(tried))


def _fit(tried: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """The slope through the origin, its error, and what is missed."""
    read2 = sum(reading * reading for reading, _ in tried)
    both = sum(reading * realised for reading, realised in tried)
    slope, weight, miss = 0.0, 1.0, max(LEAST_NOISE, _miss(tried, 0.0))
    for _ in range(3):  # slope and noise depend on each other; this settles at once
        weight = read2 + (miss / PRIOR_SD) ** 2
        slope = both / weight
        miss = max(LEAST_NOISE, _miss(tried, slope))
    return slope, miss / weight**0.5, miss


def _centred(tried: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Less what all have in common."""
    reading = sum(reading for reading, _ in tried) / len(tried)
    realised = sum(realised for _, realised in tried) / len(tried)
    return [(a - reading, b - realised) for a, b in tried]


def _miss(tried: Sequence[tuple[float, float]], slope: float) -> float:
    squares = ((realised - slope * reading) ** 2 for reading, realised in tried)
    return float((sum(squares) / len(tried)) ** 0.5)
