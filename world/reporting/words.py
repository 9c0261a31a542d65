"""How a report writes its figures. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Final

from telemetry.auditing.drawing.wording import count
from world.reporting.shape import Range

NONE: Final = "–"
_MANY: Final = 1000.0
_LEAST: Final = 0.01


def hours(value: float | None) -> str:
    return NONE if value is None else f"{value:,.1f}"


def signed(value: float) -> str:
    return _minus(f"{value:+,.1f}")


def money(micro: int) -> str:
    """Whole tokens and hundredths."""
    return _minus(f"{Decimal(micro) / 10**6:,.2f}")


def ratio(value: float | None) -> str:
    return NONE if value is None else _minus(f"{value:.2f}")


def percent(value: float | None) -> str:
    return NONE if value is None else _minus(f"{100 * value:.0f}%")


def _minus(text: str) -> str:
    """A true one, and no sign before what was rounded to nothing."""
    return (
        text.replace("-", "−") if any(each in "123456789" for each in text) else text.lstrip("+-")
    )


def between(within: Range | None, write: Callable[[float], str]) -> str:
    if within is None or within[0] == within[1]:
        return NONE
    return f"{write(within[0])} to {write(within[1])}"


def lives(number: int) -> str:
    return f"{count(number)} {'life' if number == 1 else 'lives'}"


def evidence(e: float) -> str:
    """Never rounded up: what is not enough must not look as if it were."""
    if e < _LEAST:
        return f"<{_LEAST}"
    if e >= _MANY:
        return f"{Decimal(e):.1e}".replace("e+", "e")
    return f"{Decimal(e).quantize(Decimal(str(_LEAST)), ROUND_DOWN)}"
