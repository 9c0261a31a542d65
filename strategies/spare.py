"""Money that is not needed to live on for a while; how much a gain or a need matters. Pure."""

from __future__ import annotations

from math import log2
from typing import Final

from chain.types import Micro
from strategies.port import Snapshot
from strategies.refuel import Tank, fuel_money

HOUR: Final = 3600
HOME_S: Final = 6 * HOUR
"""So long before a life's own end its money comes home: an ending sweeps what is in the wallet."""
MOST_H: Final = 10_000.0
TANK: Final = Tank(floor=1_500_000, fill=4_000_000, slippage_pct=0, authorization_s=0)
"""What thrift keeps for gas unless it is told otherwise."""


def in_hand(seen: Snapshot) -> Micro:
    """What there is beside the money for gas."""
    return Micro(max(0, seen.holdings.micro - fuel_money(seen, TANK)))


def spare(seen: Snapshot, keep_h: int) -> Micro:
    """What is left when so many hours of living are laid aside."""
    return Micro(max(0, in_hand(seen) - keep_h * seen.burn))


def liquid_h(seen: Snapshot) -> float:
    """Hours that can be lived on what is paid for and in hand, if nothing is brought back."""
    paid_s = max(0, seen.lease.paid_until - seen.block.at) if seen.lease is not None else 0
    hand_h = in_hand(seen) / seen.burn if seen.burn else MOST_H
    return min(MOST_H, hand_h + paid_s / HOUR)


def left_s(seen: Snapshot) -> int:
    """What is left of this life, until its money comes home."""
    return max(0, seen.horizon_s - seen.age_s - HOME_S)


def need_score(seen: Snapshot, keep_h: int) -> float:
    """How urgent money is: not yet with half of what should be kept, very with none."""
    short = 1 - 2 * liquid_h(seen) / max(1, keep_h)
    return max(-4.0, 8 * short)


def gain_score(seen: Snapshot, expected: int) -> float:
    """How many hours of living a gain buys, in doublings; any loss is worse than waiting."""
    hours = expected / seen.burn if seen.burn else float((expected > 0) - (expected < 0))
    if expected > 0:
        return min(4.0, 0.25 + log2(1 + 4 * hours))
    return max(-4.0, -0.25 + 2 * hours)
