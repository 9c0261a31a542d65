"""Evidence that one policy's lives last longer than another's, whenever one looks. Pure.

An e-value is what a fair bet against "both die alike" has made of one unit: if they do, the chance
that it ever reaches 20 is at most one in 20, however often one looks and whenever one stops.

This one is the verdict: the safe log-rank test of ter Schure, Pérez-Ortiz, Ly and Grünwald. At each
death, with a of ours and b of theirs at risk, it bets that each of ours dies at `ratio` times the
rate of each of theirs. The stake is multiplied by the chance which that gives to the kind that
died, ratio·a/(ratio·a + b) or b/(ratio·a + b), over that kind's share of those at risk, which is
its chance if all die alike. So the stake is a martingale. The mean of the stakes over `RATIOS` is
the e-value. What it assumes:

- Nothing about how dangerous which hour is: only the order of deaths counts.
- That a life was watched no longer says nothing about what danger it was in: exogenous censoring.
  Where this is in doubt, the worst case of world.censoring tells how much evidence is left.
- Worlds are drawn independently and come in an order that was fixed before. Lives are compared
  within blocks of `BLOCK` worlds of one scenario, and a block counts once it is whole: a new world
  never changes what was bet before. (The lives of all worlds so far as one growing group would be
  no fair bet from world to world: some are censored.)
- Either of two lives in a world may be whose, if both policies die alike. What the two share, being
  in one world, makes this bet more cautious, not less: the tests show it.
- Of deaths at the same hour ours are taken first, which of all orders gives the least evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, fsum, log
from typing import Final, NamedTuple

from world.contrasts import Pair, deaths
from world.survival import Life

ENOUGH: Final = 20
"""From here on it counts as shown."""
RATIOS: Final = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Bets on how ours die, as shares of the rate at which theirs do; each with the same stake."""
BLOCK: Final = 4
_MOST: Final = 600.0
"""Beyond e to this power it is written as that."""


class Evidence(NamedTuple):
    """What the bets came to, block by block."""

    e: float
    highest: float
    path: tuple[float, ...]
    stakes: tuple[float, ...]
    """The logarithm of each bet's."""
    worlds: int
    """In whole blocks."""
    waiting: int
    """Worlds for which their block is not whole yet."""

    @property
    def shown(self) -> bool:
        return self.e >= ENOUGH


def evidence(scenarios: Iterable[Sequence[Pair]]) -> Evidence:
    """That ours live longer, from each scenario's worlds in their order.

    What a bet won in one scenario is its stake in the next.
    """
    stakes, path = (0.0,) * len(RATIOS), []
    worlds = waiting = 0
    for each in scenarios:
        left_over = len(each) % BLOCK
        for start in range(0, len(each) - left_over, BLOCK):
            won = bets(*_both(each[start : start + BLOCK]))
            stakes = tuple(before + more for before, more in zip(stakes, won, strict=True))
            path.append(_mean(stakes))
        worlds, waiting = worlds + len(each) - left_over, waiting + left_over
    return Evidence(_mean(stakes), max(path, default=1.0), tuple(path), stakes, worlds, waiting)


def _both(block: Sequence[Pair]) -> tuple[list[Life], list[Life]]:
    return (
        [life for world in block for life in world.ours],
        [life for world in block for life in world.theirs],
    )


def bets(ours: Iterable[Life], theirs: Iterable[Life]) -> tuple[float, ...]:
    """What each bet makes of one unit in one group of lives, as logarithms."""
    told = list(deaths(ours, theirs))
    return tuple(fsum(_growth(ratio, *death) for death in told) for ratio in RATIOS)


def _growth(ratio: float, ours: int, theirs: int, our_risk: int, their_risk: int) -> float:
    """At one hour, ours first."""
    grown = 0.0
    for a in range(our_risk, our_risk - ours, -1):
        grown += log(ratio * (a + their_risk) / (ratio * a + their_risk))
    a = our_risk - ours
    for b in range(their_risk, their_risk - theirs, -1):
        grown += log((a + b) / (ratio * a + b))
    return grown


def _mean(stakes: Sequence[float]) -> float:
    return fsum(exp(min(stake, _MOST)) for stake in stakes) / len(stakes)
