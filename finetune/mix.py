"""Doubling down: who lives how many of the next lives to learn from. Pure.

The longer somebody lived, the more of them; but nobody has fewer than a floor, because what is
never tried is never learnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FLOOR: Final = 0.25
"""Of an equal share."""


def mix(lived_h: Mapping[str, float], seeds: int, floor: float = FLOOR) -> dict[str, int]:
    """For each policy its number of worlds; as many in all as if all had `seeds`.

    Whoever has not lived yet counts as much as the best.
    """
    best = max(lived_h.values(), default=0.0) or 1.0
    weights = {name: max(hours, 0.0) or best for name, hours in lived_h.items()}
    whole, every = sum(weights.values()), seeds * len(weights)
    least = max(1, round(floor * seeds))
    spare = every - least * len(weights)
    given = {name: least + spare * weight / whole for name, weight in weights.items()}
    return _whole(given, every)


def _whole(given: Mapping[str, float], every: int) -> dict[str, int]:
    """Whole numbers with that sum: what is left over goes to the largest remainders."""
    down = {name: int(share) for name, share in given.items()}
    order = sorted(given, key=lambda name: (down[name] - given[name], name))
    for name in order[: every - sum(down.values())]:
        down[name] += 1
    return down
