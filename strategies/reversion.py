"""Whether a price that is off its average comes back: a careful guess from its own past. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Final

AVERAGE_N: Final = 12
"""Prices that an average is taken over."""
AHEAD_N: Final = 4
"""How many prices later it is asked whether one has come back."""
LEAST_N: Final = 32
"""With fewer prices nothing is known."""
DOUBT: Final = 1.0
"""Standard errors that are taken off what the past seems to say."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Where a price stands, and how much of that is likely to be undone."""

    off: float
    """The price over its average, as a logarithm: −0.02 is 2 % below."""
    returns: float
    """The share of a deviation that was undone of late, less its doubt; 0 when none was."""

    @property
    def expected(self) -> float:
        """The move to come, as a logarithm."""
        return -self.returns * self.off


def signal(prices: Sequence[int], now: int) -> Signal:
    """From average prices of equal spans of time, the oldest first, and the price of now."""
    logs = [log(price) for price in prices if price > 0]
    if len(logs) < AVERAGE_N:
        return Signal(0.0, 0.0)
    return Signal(log(now) - _mean(logs[-AVERAGE_N:]), _returning(logs))


def _returning(logs: Sequence[float]) -> float:
    """A regression of what followed on how far off a price was: its slope, less its error.

    What followed overlaps with what followed next, so the error is larger than it looks.
    """
    if len(logs) < LEAST_N:
        return 0.0
    places = range(AVERAGE_N, len(logs) - AHEAD_N)
    off = [logs[i] - _mean(logs[i - AVERAGE_N : i]) for i in places]
    back = [logs[i] - logs[i + AHEAD_N] for i in places]
    spread = sum(x * x for x in off)
    if not spread:
        return 0.0
    slope = sum(x * y for x, y in zip(off, back, strict=True)) / spread
    left = sum((y - slope * x) ** 2 for x, y in zip(off, back, strict=True))
    error = sqrt(AHEAD_N * left / (len(off) - 1) / spread)
    return min(1.0, max(0.0, slope - DOUBT * error))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
