"""What to pay for gas: the first offer, when it has waited too long, and the next one."""

from __future__ import annotations

from typing import Final

from chain.types import Fees, Wei

TIP: Final = Wei(10**9)
"""A tip that block builders everywhere take."""
HEADROOM: Final = 2
"""The base fee can rise by an eighth a block: twice the present one lasts six full blocks."""


def offer(base_fee: Wei, cap: Wei, tip: Wei = TIP) -> Fees:
    """Caps for a new transaction, never above the cap."""
    max_fee = min(HEADROOM * base_fee + tip, cap)
    return Fees(Wei(max_fee), Wei(min(tip, max_fee)))


def replacement(old: Fees, base_fee: Wei, cap: Wei, tip: Wei = TIP) -> Fees | None:
    """The next caps, at least an eighth above the old; None when that would pass the cap."""
    least = _an_eighth_more(old.max_fee)
    if least > cap:
        return None
    max_fee = max(least, offer(base_fee, cap, tip).max_fee)
    priority = max(_an_eighth_more(old.priority), min(tip, max_fee))
    if priority > max_fee:
        return None
    return Fees(Wei(max_fee), Wei(priority))


def priced_out(fees: Fees, base_fee: Wei) -> bool:
    """No block can take this transaction until the base fee falls or the cap rises."""
    return fees.max_fee < base_fee


def _an_eighth_more(amount: Wei) -> int:
    return max(amount + -(-amount // 8), amount + 1)
