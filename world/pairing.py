"""Evidence from pairs alone: of two lives in one world, whose lasted longer? Pure.

It assumes less than the log-rank evidence beside which it is told: if both policies die alike,
which of the two lasts longer is a fair coin, whatever the worlds are like. The bet follows
Krichevsky and Trofimov's estimate of the coin from the worlds before, never below a half: it wins
only by ours lasting longer. Worlds in which that is not known, or in which neither did, are passed
over.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log
from typing import Final, NamedTuple

from world.contrasts import Pair
from world.survival import Life

_MOST: Final = 600.0


class Coin(NamedTuple):
    """Worlds in which ours lasted longer, theirs did, or nobody can say, and what a bet made."""

    e: float
    highest: float
    ours: int
    theirs: int
    open: int


def longer(ours: Life, theirs: Life) -> bool | None:
    """Whether ours lasted longer; None if they died together or one was lost sight of too early."""
    if theirs.died and (
        ours.hours > theirs.hours or (ours.hours == theirs.hours and not ours.died)
    ):
        return True
    if ours.died and (
        theirs.hours > ours.hours or (theirs.hours == ours.hours and not theirs.died)
    ):
        return False
    return None


def coin(worlds: Iterable[Pair]) -> Coin:
    """From worlds in their order; those with more than one life of a policy tell nothing here."""
    stake = highest = 0.0
    won = lost = undecided = 0
    for world in worlds:
        alone = len(world.ours) == len(world.theirs) == 1
        ended = longer(world.ours[0], world.theirs[0]) if alone else None
        if ended is None:
            undecided += 1
            continue
        chance = max((won + 0.5) / (won + lost + 1), 0.5)
        stake += log(2 * (chance if ended else 1 - chance))
        highest = max(highest, stake)
        won, lost = won + ended, lost + (not ended)
    now, best = (exp(min(each, _MOST)) for each in (stake, highest))
    return Coin(now, best, won, lost, undecided)
