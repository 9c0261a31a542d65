"""How long a strategy that fails again and again is left alone. Pure: the time is given.

Once may be chance: a child is started again and asked. From the second failure in a row on there is
a pause that doubles; one answer ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FORGIVEN: Final = 1
BASE_S: Final = 15.0
MOST_S: Final = 3600.0
_ENOUGH_DOUBLINGS: Final = 32


@dataclass(frozen=True, slots=True)
class Standing:
    """How often it failed in a row, and until when it is not asked; seconds of a steady clock."""

    failures: int = 0
    until: float = 0.0


GOOD: Final = Standing()


def failed(before: Standing, now: float) -> Standing:
    failures = before.failures + 1
    return Standing(failures, now + pause_s(failures))


def pause_s(failures: int) -> float:
    """After so many failures in a row."""
    doublings = failures - FORGIVEN
    if doublings <= 0:
        return 0.0
    return float(min(MOST_S, BASE_S * 2 ** min(doublings, _ENOUGH_DOUBLINGS)))


def left_s(standing: Standing, now: float) -> float:
    """How long it is still left alone; 0 where it may be asked."""
    return max(0.0, standing.until - now)
