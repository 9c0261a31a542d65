"""Times in which nothing was decided, or of which nothing is known, shaded in every chart. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import WIDTH, Key
from telemetry.auditing.drawing.markup import Markup, tame
from telemetry.auditing.drawing.view import View
from telemetry.auditing.drawing.wording import count
from telemetry.auditing.timeline import Pause

NAMES: Final[Mapping[str, str]] = {
    "gap": "nothing written",
    "halt": "halted by the operator",
    "hole": "records missing, or not sound",
    "ending": "ending",
}


def shaded(view: View, height: float) -> Iterator[Markup]:
    stops = view.life.stops()
    for kind in NAMES:
        sides = [_sides(view, pause) for pause in stops if pause.kind == kind]
        yield charts.boxes(sides, height, f"stop {kind}")


def named(view: View, height: float) -> Iterator[Markup]:
    """Boxes that say, when pointed at, what was not done and why."""
    for pause in view.life.stops():
        said = f"{NAMES[pause.kind]}: {tame(pause.reason)}" if pause.reason else NAMES[pause.kind]
        yield charts.box(*_sides(view, pause), 0, height, "stop", said)


def _sides(view: View, pause: Pause) -> tuple[float, float]:
    left = view.x(pause.since) if pause.since else 0.0
    return left, view.x(pause.until) if pause.until else float(WIDTH)


def paused(view: View) -> str:
    """How many of which there are, in words."""
    often = Counter(str(pause.kind) for pause in view.life.stops())
    more = view.life.pauses.more + view.life.holes.more
    parts = [
        name + (f" ({count(often[kind])} times)" if often[kind] > 1 else "")
        for kind, name in NAMES.items()
        if often[kind]
    ]
    if more:
        parts.append(f"{count(more)} more that are not shown")
    return f"Shaded: {', '.join(parts)}." if parts else ""


def pause_keys(view: View) -> list[Key]:
    kinds = {pause.kind for pause in view.life.stops()}
    return [Key(kind, name) for kind, name in NAMES.items() if kind in kinds]
