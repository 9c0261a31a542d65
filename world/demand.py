"""What buyers want of an agent: how many come when, and what an answer is worth to each. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from pydantic import Field

from chain.types import Micro
from world.section import Amount, Hours, Lasting, PerHour, Price, Section, Share, Spread
from world.spells import HOUR, spells

DAY_S: Final = 24 * HOUR


class DemandRegime(Section):
    """A spell of demand: how many would buy, and what an answer is worth to them on average."""

    name: str
    mean_h: Lasting
    per_hour: PerHour
    worth_micro: Price


class Demand(Section):
    """What an answer is worth lies between a spread-th and spread times the regime's."""

    regimes: tuple[DemandRegime, ...] = Field(min_length=1)
    buyers: int = Field(default=4, strict=True, ge=1, le=64)
    spread: Spread = 3
    noon_share: Share = 0.5
    """By so much more come at noon than on average, and less at midnight, when a world begins."""
    patience_n: int = Field(default=3, strict=True, ge=1)
    """So many times in a row a buyer is turned away before he leaves,"""
    away_h: Hours = 12
    """and for so long."""
    purse_micro: Amount = 10**9
    """What each of them has."""


class Wish(NamedTuple):
    """A buyer would have an answer, and pay so much for it."""

    at_s: int
    buyer: int
    worth: Micro


def wishes(table: Demand, until_s: float, dice: Random) -> Iterator[Wish]:
    """Everything that anybody will want, in order of time since the start."""
    at = 0.0
    for end, regime in spells(table.regimes, dice):
        rush, over = regime.per_hour * (1 + table.noon_share), min(end, until_s)
        while rush > 0 and (at := at - math.log(1 - dice.random()) * HOUR / rush) < over:
            lively = 1 - table.noon_share * math.cos(math.tau * at / DAY_S)
            comes = dice.random() * (1 + table.noon_share) < lively
            buyer, worth = int(dice.random() * table.buyers), 2 * dice.random() - 1
            if comes:
                micro = int(regime.worth_micro * table.spread**worth)
                yield Wish(int(at), buyer, Micro(micro))
        at = end
        if at >= until_s:
            return
