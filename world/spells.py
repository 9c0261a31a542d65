"""Spells of weather: one regime after the other, each for a while, the first one first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, Protocol, TypeVar

HOUR: Final = 3600


class Spell(Protocol):
    """A regime that lasts about so long."""

    @property
    def mean_h(self) -> float: ...


S = TypeVar("S", bound=Spell)


def spells(regimes: Sequence[S], dice: Random) -> Iterator[tuple[float, S]]:
    """Without end: until when, in seconds from the start, and the regime that lasts until then."""
    at, regime = 0.0, regimes[0]
    while True:
        at += (0.5 + dice.random()) * regime.mean_h * HOUR
        yield at, regime
        others = [other for other in regimes if other is not regime] or [regime]
        regime = others[int(dice.random() * len(others))]
