"""What a report is made of besides the lives themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which hours lives of a scenario can last, on average over its worlds."""

    scenario: str
    horizon_h: float
    passive_h: float
    """A life that only holds."""
    clairvoyant_h: float
    """A life that knows all that will happen."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """How long a policy's lives lasted in a scenario replayed from logs, and how long live."""

    policy: str
    scenario: str
    backtest_h: float
    live_h: float
    backtest_error_h: float | None = None
    """Standard errors; a live one that is not given is taken from the lives, if they are there."""
    live_error_h: float | None = None
