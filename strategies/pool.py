"""A pool of two tokens as Uniswap v2 reckons: what a trade brings. Pure, whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KEPT: Final = 997
"""Of a thousand units paid in so many count: the rest is the fee."""
WHOLE: Final = 1000


@dataclass(frozen=True, slots=True)
class Pool:
    """How much there is of the working token, in micro-units, and of the other, in its units."""

    micro: int
    other: int

    def buy(self, micro: int) -> int:
        """Units of the other token for so much of the working one."""
        return bought(micro, self.micro, self.other)

    def sell(self, units: int) -> int:
        """Micro-units for so much of the other token."""
        return bought(units, self.other, self.micro)

    def worth(self, units: int) -> int:
        """Units of the other token at the price of now, as if the trade moved nothing."""
        return units * self.micro // self.other


def bought(amount_in: int, reserve_in: int, reserve_out: int) -> int:
    """What the pair hands out, rounded down as it rounds: the reserves' product never shrinks."""
    paid = amount_in * KEPT
    return paid * reserve_out // (reserve_in * WHOLE + paid)
