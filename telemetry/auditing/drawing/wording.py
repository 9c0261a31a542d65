"""How amounts, times and names are written for people: with units, short, never wrong. Pure."""

from __future__ import annotations

from decimal import Decimal
from time import gmtime, strftime
from typing import Final

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400
_MICRO: Final = Decimal(10**6)
_WEI: Final = Decimal(10**18)
_LARGE: Final = 10**15
_DIGITS: Final = 4
_SHORT: Final = 16
_YEAR_10000: Final = 253_402_300_800


def count(number: int) -> str:
    return f"{number:,}" if abs(number) < _LARGE else f"{Decimal(number):.3g}"


def plural(number: int, name: str) -> str:
    return f"{count(number)} {name}{'' if number == 1 else 's'}"


def none_or(number: int) -> str:
    return count(number) if number else "none"


def decimal(value: Decimal, least: int = 0) -> str:
    """Four digits that matter, thousands apart; `least` of them after the point."""
    if not value:
        return f"{value:.{least}f}" if least else "0"
    if abs(value) >= _LARGE:
        return f"{value:.3g}"
    places = max(least, _DIGITS - 1 - value.adjusted())
    text = f"{value:,.{min(places, 18)}f}"
    whole, _, part = text.partition(".")
    part = part.rstrip("0").ljust(least, "0")
    return f"{whole}.{part}" if part else whole


def tokens(micro: int) -> str:
    """Micro-units as whole tokens and at least two decimals."""
    return decimal(Decimal(micro) / _MICRO, 2)


def ether(wei: int) -> str:
    return decimal(Decimal(wei) / _WEI)


def span(seconds: float) -> str:
    """How long something took, in the unit that suits it."""
    if seconds < 2 * MINUTE_S:
        return plural(round(seconds), "second")
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} minutes"
    if seconds < 4 * DAY_S:
        return f"{seconds / HOUR_S:,.1f} hours"
    return f"{seconds / DAY_S:,.1f} days"


def date(seconds: float) -> str | None:
    """In UTC, or None for what no calendar holds."""
    if not 0 <= seconds < _YEAR_10000:
        return None
    return strftime("%Y-%m-%d %H:%M UTC", gmtime(seconds))


def shortened(name: str) -> str:
    """An address, a digest or a CID by its ends."""
    return name if len(name) <= _SHORT else f"{name[:8]}…{name[-6:]}"


def share(part: int, whole: int) -> str:
    if not whole:
        return "–"
    return "<1%" if 0 < part < whole / 200 else f"{100 * part / whole:.0f}%"
