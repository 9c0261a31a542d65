"""The chart of survival: how many of a policy's lives are still going on, hour by hour. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import Key, Point
from telemetry.auditing.drawing.markup import Markup
from world.reporting.frame import Hours, frame, shade
from world.reporting.shape import Curve, Group

HEIGHT: Final = 260
_TOP: Final = 6
_MARK: Final = 4
_SAID: Final = (
    "Each line falls where lives died; its band is where it lies 95 times of 100. Upright strokes "
    "are lives last seen alive before the end."
)


def survival(group: Group, colours: Mapping[str, str], name: str) -> Markup:
    axis = Hours(group["tau_h"])
    told = [(each["policy"], each["curve"]) for each in group["policies"]]
    bands = [_band(axis, curve, colours[policy]) for policy, curve in told]
    marks = [_marks(axis, curve, colours[policy]) for policy, curve in told]
    lines = [
        charts.stairs(_stairs(axis, curve, curve["alive"]), f"main {colours[policy]}")
        for policy, curve in told
    ]
    return frame(
        name,
        "Survival",
        _SAID,
        [*bands, *marks, *lines],
        height=HEIGHT,
        columns=axis.ticks(),
        rows=[(_y(share / 4), f"{25 * share}%") for share in range(5)],
        legend=[Key(colours[policy], policy) for policy, _ in told],
        unit="share of lives still alive, by paid hours",
    )


def _y(share: float) -> float:
    return HEIGHT - share * (HEIGHT - _TOP)


def _stairs(axis: Hours, curve: Curve, shares: Sequence[float]) -> list[Point]:
    """To the axis's end, where the last step still holds."""
    told = [(axis.x(h), _y(share)) for h, share in zip(curve["hours"], shares, strict=True)]
    return [*told, (axis.x(axis.most), told[-1][1])]


def _band(axis: Hours, curve: Curve, kind: str) -> Markup:
    """To where the last one died: where nobody is left a curve has no band."""
    gone = next((place for place, share in enumerate(curve["alive"]) if not share), None)
    above, below = (_stairs(axis, curve, curve[side]) for side in ("high", "low"))
    if gone is not None:
        last, _ = above[gone]
        above, below = ([*side[:gone], (last, side[gone - 1][1])] for side in (above, below))
    return shade([*_corners(above), *reversed(_corners(below))], kind)


def _corners(stairs: Sequence[Point]) -> list[Point]:
    told = [stairs[0]]
    for (_, y), (x, lower) in pairwise(stairs):
        told += [(x, y), (x, lower)]
    return told


def _marks(axis: Hours, curve: Curve, kind: str) -> Markup:
    told = []
    for hours in curve["unseen_h"]:
        y = _y(_alive(curve, hours))
        told.append((axis.x(hours), y - _MARK, y + _MARK))
    return charts.ticks(told, kind)


def _alive(curve: Curve, hours: float) -> float:
    fallen = zip(curve["hours"], curve["alive"], strict=True)
    return min(share for at, share in fallen if at <= hours)
