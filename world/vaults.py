"""What a vault yields, and how that changes: a share of what is in it, dripped in block by block.

Pure; only uniform draws are used.
"""

from __future__ import annotations

from random import Random

from pydantic import Field

from world.section import Lasting, Price, Section
from world.spells import HOUR, spells


class YieldRegime(Section):
    """A spell of yield; a bad one yields nothing."""

    name: str
    mean_h: Lasting
    pct_per_day: float = Field(strict=True, ge=0, le=100)


class VaultTable(Section):
    """A vault for the working token."""

    regimes: tuple[YieldRegime, ...] = Field(min_length=1)
    depth_micro: Price = 1_000_000_000
    """What somebody else keeps in it from the start."""


class Yield:
    """How much of itself a vault earns as time goes on."""

    def __init__(self, table: VaultTable, dice: Random) -> None:
        self._spells = spells(table.regimes, dice)
        self._until, self._regime = next(self._spells)
        self._at = 0.0

    def until(self, at_s: int) -> float:
        """The share that was earned since it was last asked, without interest on interest."""
        earned = 0.0
        while self._at < at_s:
            end = min(float(at_s), self._until)
            earned += (end - self._at) * self._regime.pct_per_day / 100 / (24 * HOUR)
            self._at = end
            if self._at >= self._until:
                self._until, self._regime = next(self._spells)
        return earned
