"""The chart of backtest against live: on the diagonal they would be equal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import WIDTH, Key, Tag
from telemetry.auditing.drawing.markup import Markup
from world.reporting.frame import Hours, frame
from world.reporting.shape import BacktestFigures, Point
from world.survival import Z

HEIGHT: Final = 320


def scatter(told: BacktestFigures, colours: Mapping[str, str], name: str) -> Markup:
    points = told["points"]
    most = max((max(p["backtest_h"], p["live_h"]) for p in points), default=0.0) * 1.08 or 1.0
    axis = Hours(most)
    policies = sorted({point["policy"] for point in points})
    drawn = [charts.line([(0, HEIGHT), (WIDTH, 0)], "second")]
    drawn += [charts.ticks(_errors(axis, point), colours[point["policy"]]) for point in points]
    drawn += [
        charts.dots(
            [_at(axis, point) for point in points if point["policy"] == policy],
            f"mean {colours[policy]}",
        )
        for policy in policies
    ]
    return frame(
        name,
        "Backtest and live",
        "One dot for each policy in each scenario, an upright stroke for the live figure's error. "
        "On the dashed line both are equal; a dot above it lived longer than the backtest said.",
        drawn,
        height=HEIGHT,
        columns=axis.ticks(),
        rows=[(_y(x), text) for x, text in axis.ticks()],
        tags=[Tag(0, 10, "live, hours"), Tag(WIDTH, HEIGHT - 10, "backtest, hours", "right")],
        legend=[Key(f"dotted {colours[policy]}", policy) for policy in policies],
        unit="mean paid hours",
    )


def _at(axis: Hours, point: Point) -> tuple[float, float]:
    return axis.x(point["backtest_h"]), _y(axis.x(point["live_h"]))


def _errors(axis: Hours, point: Point) -> list[tuple[float, float, float]]:
    if not point["live_error_h"]:
        return []
    reach = Z * point["live_error_h"]
    low, high = (_y(axis.x(point["live_h"] + way * reach)) for way in (-1, 1))
    return [(axis.x(point["backtest_h"]), low, high)]


def _y(x: float) -> float:
    """The same scale upwards."""
    return HEIGHT * (1 - x / WIDTH)
