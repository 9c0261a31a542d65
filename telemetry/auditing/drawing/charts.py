"""The parts that all charts are made of: one axis of time, scales, lines, marks, a frame. Pure.

An SVG here is a thousand units wide and as many units high as it has pixels: it stretches to any
screen, its strokes do not. Texts lie beside it as HTML, so that they stay legible on a phone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, isfinite, log10
from typing import Final, NamedTuple

from telemetry.auditing.drawing.markup import Content, Markup, element, joined
from telemetry.auditing.drawing.wording import DAY_S, HOUR_S, MINUTE_S

WIDTH: Final = 1000
Point = tuple[float, float]
_UNITS: Final = (("seconds", 1), ("minutes", MINUTE_S), ("hours", HOUR_S), ("days", DAY_S))
_STEPS: Final = {
    "seconds": (1, 2, 5, 10, 15, 30),
    "minutes": (1, 2, 5, 10, 15, 30),
    "hours": (1, 2, 3, 6, 12, 24),
}
_MOST_TICKS: Final = 7
_PLAIN: Final = (1e-6, 1e6)
"""Numbers that are written out."""


class Axis(NamedTuple):
    """The time from birth to the last record, the same in every chart."""

    span_s: float

    def x(self, age_s: float) -> float:
        return WIDTH * min(max(age_s / self.span_s, 0.0), 1.0)

    @property
    def unit(self) -> str:
        return self._unit[0]

    @property
    def _unit(self) -> tuple[str, int]:
        fitting = [each for each in _UNITS if self.span_s >= 2 * each[1]]
        name, size = fitting[-1] if fitting else _UNITS[0]
        if name == "days" and self.span_s < 4 * DAY_S:
            return "hours", HOUR_S
        return name, size

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Where to write what; at most seven, so that they fit on a phone."""
        name, size = self._unit
        whole = self.span_s / size
        steps = [step for step in _STEPS.get(name, ()) if whole / step <= _MOST_TICKS]
        step = steps[0] if steps else nice_step(whole, _MOST_TICKS)
        marks = (step * place for place in range(floor(whole / step) + 1))
        return [(self.x(mark * size), short_number(mark)) for mark in marks]


class Scale(NamedTuple):
    """Heights for values from 0 to the highest, in so many pixels below a top."""

    highest: float
    top: float
    bottom: float

    def y(self, value: float) -> float:
        share = min(max(value / self.highest, 0.0), 1.0)
        return self.bottom - share * (self.bottom - self.top)

    def labels(self) -> list[tuple[float, str]]:
        step = nice_step(self.highest, 3)
        return [
            (self.y(step * n), short_number(step * n))
            for n in range(floor(self.highest / step + 1e-9) + 1)
        ]


def scale(values: Iterable[float], top: float, bottom: float) -> Scale:
    return Scale(max(values, default=0.0) * 1.08 or 1.0, top, bottom)


class LogScale(NamedTuple):
    """The same by powers of ten, from one to another."""

    low: int
    high: int
    top: float
    bottom: float

    def y(self, value: float) -> float:
        least, most = 10.0**self.low, 10.0**self.high
        share = (log10(min(max(value, least), most)) - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)

    def labels(self) -> list[tuple[float, str]]:
        return [(self.y(10.0**n), short_number(10.0**n)) for n in range(self.low, self.high + 1)]


def nice_step(whole: float, most: int) -> float:
    """1, 2 or 5 times a power of ten, at most so many of which make the whole."""
    power: float = 10.0 ** floor(log10(whole / most))
    return next(power * step for step in (1, 2, 5, 10) if whole / (power * step) <= most * 1.0001)


def short_number(value: float) -> str:
    if value and not _PLAIN[0] <= abs(value) < _PLAIN[1]:
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def line(points: Iterable[Point | None], kind: str) -> Markup:
    """A line through these points; None breaks it."""
    told, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
        else:
            told.append(f"{pen}{_n(point[0])} {_n(point[1])}")
            pen = "L"
    return _path(told, f"line {kind}")


def stairs(points: Sequence[Point], kind: str) -> Markup:
    """A line that stays where it is until the next point, and then jumps."""
    told = [f"M{_n(x)} {_n(y)}" for x, y in points[:1]]
    told += [f"H{_n(x)}V{_n(y)}" for x, y in points[1:]]
    return _path(told, f"line {kind}")


def ticks(points: Iterable[tuple[float, float, float]], kind: str) -> Markup:
    """Upright strokes: where, from which height to which."""
    return _path([f"M{_n(x)} {_n(low)}V{_n(high)}" for x, low, high in points], f"tick {kind}")


def dots(points: Iterable[Point], kind: str) -> Markup:
    """Round at any width: a stroke of no length with round ends."""
    return _path([f"M{_n(x)} {_n(y)}h0" for x, y in points], f"dot {kind}")


def box(left: float, right: float, top: float, bottom: float, kind: str, *said: str) -> Markup:
    """At least as wide as can be seen; what is said shows when it is pointed at."""
    width = max(right - left, 1.5)
    title = element("title", *said) if said else None
    place = {"x": _n(left), "y": _n(top), "width": _n(width), "height": _n(bottom - top)}
    return element("rect", title, class_=kind, **place)


def boxes(sides: Iterable[tuple[float, float]], height: float, kind: str) -> Markup:
    """Many boxes of one kind, from the top down."""
    told = []
    for left, right in sides:
        width = _n(max(right - left, 1.5))
        told.append(f"M{_n(left)} 0h{width}v{_n(height)}h-{width}z")
    return _path(told, kind)


def _path(told: Sequence[str], kind: str) -> Markup:
    return element("path", class_=kind, d="".join(told)) if told else Markup("")


def _n(value: float) -> str:
    """One decimal is a tenth of a pixel."""
    text = f"{value if isfinite(value) else 0.0:.1f}"
    return text.removesuffix(".0")


class Tag(NamedTuple):
    """A text inside a chart; `x` in a thousandth of its width, `y` in pixels."""

    x: float
    y: float
    text: str
    kind: str = ""


class Key(NamedTuple):
    """One entry of a legend: the class of its swatch, and what it means."""

    kind: str
    text: str


def panel(
    name: str,
    title: str,
    said: str,
    drawn: Sequence[Markup],
    *,
    axis: Axis,
    height: int,
    labels: Sequence[tuple[float, str]] = (),
    names: Sequence[tuple[float, str]] = (),
    tags: Sequence[Tag] = (),
    legend: Sequence[Key] = (),
    unit: str = "",
) -> Markup:
    """One chart with its frame; `said` says in words what it shows.

    `labels` stand at the left of lines across the chart, `names` at the left of its rows.
    """
    grid = ticks([(x, 0, height) for x, _ in axis.ticks()], "grid")
    levels = _path([f"M0 {_n(y)}H{WIDTH}" for y, _ in labels], "line grid")
    svg = element(
        "svg",
        element("title", title),
        grid,
        levels,
        *drawn,
        role="img",
        aria_label=f"{title}. {said}",
        viewBox=f"0 0 {WIDTH} {height}",
        preserveAspectRatio="none",
    )
    inside = [
        element("span", tag.text, class_=f"tag {tag.kind}", style=_at(tag.x, tag.y)) for tag in tags
    ]
    rows = [element("span", text, style=f"top:{_n(y)}px") for y, text in (*labels, *names)]
    columns = [element("span", text, style=f"left:{_n(x / 10)}%") for x, text in axis.ticks()]
    return element(
        "figure",
        _caption(title, unit, legend),
        element("div", *rows, class_="rows", aria_hidden="true"),
        element("div", svg, *inside, element("i"), class_="area", style=f"height:{height}px"),
        element("div", *columns, class_="columns", aria_hidden="true"),
        element("p", said),
        id=name,
    )


def _caption(title: str, unit: str, legend: Sequence[Key]) -> Markup:
    keys: list[Content] = [
        element("li", element("b", class_=f"swatch {key.kind}"), key.text) for key in legend
    ]
    shown = element("ul", *keys, class_="legend") if keys else None
    about = element("small", unit) if unit else None
    return element("figcaption", joined(element("h3", title), about, shown))


def _at(x: float, y: float) -> str:
    return f"left:{_n(x / 10)}%;top:{_n(y)}px"
