"""How good it is to move money: a gain is a gain, and for nothing it is best left alone. Pure."""

from __future__ import annotations

from typing import Final

from strategies.port import Snapshot
from strategies.spare import gain_score

RESTLESS: Final = 2.0
"""Choices are drawn: what were only a little worse than waiting would happen every third time."""


def moving_score(seen: Snapshot, gain: int) -> float:
    """What is not expected to pay is worse than waiting, however little it costs."""
    return gain_score(seen, gain) - (0 if gain > 0 else RESTLESS)
