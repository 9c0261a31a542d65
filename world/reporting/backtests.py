"""Whether a backtest tells what happens live: the same order, scenario by scenario. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import hypot
from typing import Final

from world.ranking import Correlation, spearman
from world.reporting.given import Backtest
from world.reporting.shape import BacktestFigures, Inverted, Point
from world.survival import Z

ALIKE: Final = 0.8
"""A rank correlation below this is a disagreement."""
Errors = Mapping[tuple[str, str], float]
"""Standard errors of live means, by policy and scenario."""


def backtest_figures(backtests: Sequence[Backtest], errors: Errors) -> BacktestFigures | None:
    points = [
        _point(each, errors) for each in sorted(backtests, key=lambda b: (b.scenario, b.policy))
    ]
    if not points:
        return None
    rank = spearman([p["backtest_h"] for p in points], [p["live_h"] for p in points])
    inverted = list(_inverted(points))
    return {
        "points": points,
        "rank": None if rank is None else {"value": rank.value, "within": rank.within},
        "inverted": inverted,
        "agree": rank is not None and rank.value >= ALIKE and not inverted,
        "says": _says(rank, inverted),
    }


def _point(told: Backtest, errors: Errors) -> Point:
    live_error = told.live_error_h
    if live_error is None:
        live_error = errors.get((told.policy, told.scenario))
    return {
        "policy": told.policy,
        "scenario": told.scenario,
        "backtest_h": told.backtest_h,
        "live_h": told.live_h,
        "backtest_error_h": told.backtest_error_h,
        "live_error_h": live_error,
    }


def _inverted(points: Sequence[Point]) -> Iterable[Inverted]:
    """Two policies of one scenario whose order the backtest turns round, by more than errors do."""
    for pair in combinations(points, 2):
        if pair[0]["scenario"] != pair[1]["scenario"]:
            continue
        better, worse = sorted(pair, key=lambda p: -p["backtest_h"])
        said = better["backtest_h"] - worse["backtest_h"]
        was = worse["live_h"] - better["live_h"]
        doubt_said = Z * hypot(better["backtest_error_h"] or 0, worse["backtest_error_h"] or 0)
        doubt_was = Z * hypot(better["live_error_h"] or 0, worse["live_error_h"] or 0)
        if said > doubt_said and was > doubt_was:
            yield {
                "scenario": better["scenario"],
                "better": better["policy"],
                "worse": worse["policy"],
                "backtest_h": said,
                "live_h": was,
            }


def _says(rank: Correlation | None, inverted: Sequence[Inverted]) -> str:
    """One sentence for people, and one more for the worst of the inverted orders."""
    if rank is None:
        return "One of the two tells no lives apart, so nothing can be said of their order."
    within = ""
    if rank.within is not None:
        within = f" (95 of 100 times between {rank.within.low:.2f} and {rank.within.high:.2f})"
    told = f"rank correlation {rank.value:.2f}{within}"
    if rank.value >= ALIKE and not inverted:
        return f"Backtest and live agree: {told}, and no order is inverted by more than its error."
    low = f", which is below {ALIKE}" if rank.value < ALIKE else ""
    if not inverted:
        return f"Backtest and live disagree: {told}{low}."
    worst = max(inverted, key=lambda each: each["live_h"])
    orders = "one order is" if len(inverted) == 1 else f"{len(inverted)} orders are"
    return (
        f"Backtest and live disagree: {told}{low}, and {orders} inverted by more than the error. "
        f"In {worst['scenario']} the backtest has {worst['better']} live {worst['backtest_h']:.1f} "
        f"h longer than {worst['worse']}; live it was {worst['live_h']:.1f} h shorter."
    )
