"""The chart of means: how many hours a policy's lives last, between the bounds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import Tag
from telemetry.auditing.drawing.markup import Markup
from world.reporting.frame import Hours, frame
from world.reporting.shape import Group, PolicyFigures
from world.reporting.words import hours

_ROW: Final = 34
_NAME: Final = 9
_LINE: Final = 24
_HEAD: Final = 18
_MARK: Final = 5


def means(group: Group, colours: Mapping[str, str], name: str) -> Markup:
    axis = Hours(group["tau_h"])
    bounds = [
        (label, value)
        for label, value in (
            ("passive", group["passive_h"]),
            ("clairvoyant", group["clairvoyant_h"]),
        )
        if value is not None
    ]
    head = _HEAD if bounds else 0
    height = head + _ROW * len(group["policies"]) + 4
    drawn = [charts.ticks([(axis.x(value), 0, height)], "bound") for _, value in bounds]
    tags = [_bound(axis, label, value) for label, value in bounds]
    for place, told in enumerate(group["policies"]):
        top = head + _ROW * place
        drawn.append(charts.line([(0, top), (charts.WIDTH, top)], "grid"))
        drawn += _row(axis, told, top + _LINE, colours[told["policy"]])
        tags.append(Tag(0, top + _NAME, f"{told['policy']} · {hours(told['lasted']['hours'])} h"))
    said = "The dot is the mean of paid hours, its line where it lies 95 times of 100."
    if any(_doubtful(told) for told in group["policies"]):
        said += (
            " Between the upright strokes it lies, from the worst to the best case, for lives that "
            "were halted, lost or slept through much of their time."
        )
    if bounds:
        said += " Dashed: a life that only holds, and one that knows all that will happen."
    return frame(
        name,
        "Hours lived",
        said,
        drawn,
        height=height,
        columns=axis.ticks(),
        tags=tags,
        unit=f"mean paid hours, up to {hours(group['tau_h'])} h",
    )


def _row(axis: Hours, told: PolicyFigures, y: float, kind: str) -> list[Markup]:
    lasted, drawn = told["lasted"], []
    if _doubtful(told):
        ends = [axis.x(lasted["worst_h"]), axis.x(lasted["best_h"])]
        drawn.append(charts.line([(x, y) for x in ends], f"thin {kind}"))
        drawn.append(charts.ticks([(x, y - _MARK, y + _MARK) for x in ends], kind))
    if lasted["by_world"]:
        low, high = lasted["by_world"]
        drawn.append(charts.line([(axis.x(low), y), (axis.x(high), y)], f"thick {kind}"))
    return [*drawn, charts.dots([(axis.x(lasted["hours"]), y)], f"mean {kind}")]


def _doubtful(told: PolicyFigures) -> bool:
    return told["lasted"]["best_h"] > told["lasted"]["worst_h"]


def _bound(axis: Hours, label: str, value: float) -> Tag:
    """Written on the side where there is room."""
    x = axis.x(value)
    return Tag(x, _NAME, label, "right" if x > charts.WIDTH / 2 else "left")
