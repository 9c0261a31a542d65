"""A chart of a report in its frame, and the colours that policies keep in all of them. Pure.

The strokes are those of an audit's charts: a thousand units wide, as high as their pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Final, NamedTuple

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import WIDTH, Key, Point, Tag
from telemetry.auditing.drawing.markup import Content, Markup, element, joined, tame

KNOWN: Final = ("random", "heuristic", "reflex")
"""Policies with a colour of their own, wherever they appear."""
COLOURS: Final = 8
MOST_TICKS: Final = 6
_LAST: Final = 960
"""From here on a text below ends where its line is, to stay on the page."""


class Hours(NamedTuple):
    """An axis from 0 to so many hours."""

    most: float

    def x(self, hours: float) -> float:
        return WIDTH * min(max(hours / self.most, 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        step = charts.nice_step(self.most, MOST_TICKS)
        marks = (step * place for place in range(floor(self.most / step + 1e-9) + 1))
        return [(self.x(mark), charts.short_number(mark)) for mark in marks]


def colours(policies: Sequence[str]) -> dict[str, str]:
    """A class for each policy; beyond eight, dashed ones."""
    others = [each for each in policies if each not in KNOWN]
    places = {name: place for place, name in enumerate((*KNOWN, *others))}
    return {
        each: f"p{_colour(places[each])}{' dashed' if places[each] >= COLOURS else ''}"
        for each in policies
    }


def _colour(place: int) -> int:
    return place if place < COLOURS else len(KNOWN) + (place - COLOURS) % (COLOURS - len(KNOWN))


def frame(
    name: str,
    title: str,
    said: Content,
    drawn: Sequence[Markup],
    *,
    height: int,
    columns: Sequence[tuple[float, str]],
    rows: Sequence[tuple[float, str]] = (),
    tags: Sequence[Tag] = (),
    legend: Sequence[Key] = (),
    unit: str = "",
) -> Markup:
    """`columns` stand below upright lines, `rows` at the left of level ones."""
    svg = element(
        "svg",
        element("title", title),
        charts.ticks([(x, 0, height) for x, _ in columns], "grid"),
        joined(*(charts.line([(0, y), (WIDTH, y)], "grid") for y, _ in rows)),
        *drawn,
        role="img",
        aria_label=title,
        viewBox=f"0 0 {WIDTH} {height}",
        preserveAspectRatio="none",
    )
    inside = [
        element("span", tame(tag.text), class_=f"tag {tag.kind}", style=_at(tag)) for tag in tags
    ]
    beside = [element("span", text, style=f"top:{y:.1f}px") for y, text in rows]
    below = [
        element("span", text, class_="last" if x > _LAST else None, style=f"left:{x / 10:.1f}%")
        for x, text in columns
    ]
    return element(
        "figure",
        _caption(title, unit, legend),
        element("div", *beside, class_="rows", aria_hidden="true") if rows else None,
        element("div", svg, *inside, class_="area", style=f"height:{height}px"),
        element("div", *below, class_="columns", aria_hidden="true"),
        element("p", said),
        id=name,
        class_=None if rows else "full",
    )


def shade(points: Sequence[Point], kind: str) -> Markup:
    """What these points enclose."""
    told = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return element("path", class_=f"shade {kind}", d=f"M{told}z") if points else Markup("")


def _caption(title: str, unit: str, legend: Sequence[Key]) -> Markup:
    keys = [
        element("li", element("b", class_=f"swatch {key.kind}"), tame(key.text)) for key in legend
    ]
    return element(
        "figcaption",
        element("h3", title),
        element("small", unit) if unit else None,
        element("ul", *keys, class_="legend") if keys else None,
    )


def _at(tag: Tag) -> str:
    return f"left:{tag.x / 10:.1f}%;top:{tag.y:.1f}px"
