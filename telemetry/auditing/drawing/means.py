"""The charts of what a life had to live on: runway, money, gas. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from math import ceil, floor, log10
from typing import Final

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import WIDTH, Key, LogScale, Point, Tag
from telemetry.auditing.drawing.markup import Markup
from telemetry.auditing.drawing.pauses import shaded
from telemetry.auditing.drawing.view import View
from telemetry.auditing.drawing.wording import ether, plural, share, tokens
from telemetry.auditing.moments import VITALS, Look

REACHED_AT_H: Final = {"thriving": 120, "steady": 36, "lean": 12, "critical": 4, "starving": 0}
"""The runway from which an agent of ours calls itself so, coming from below."""
_MOST_HOURS_LOG: Final = 4
_LEAST_HOURS_LOG: Final = -1
_LARGE: Final = 10**6
_ROOM: Final = 12
"""Pixels that a band must be high to hold its name."""


def runway(view: View) -> Markup:
    looks = [look for look in view.life.looks.all() if look.runway is not None]
    known = [max(0.0, look.runway or 0.0) for look in looks]
    low, high = _decades(known)
    levels = LogScale(low, high, 4, 150)
    bands = [
        charts.box(0, WIDTH, levels.y(above), levels.y(least), f"band {name}")
        for name, least, above in _bands()
        if levels.y(above) < levels.y(least)
    ]
    tags = [
        Tag(WIDTH, (levels.y(above) + levels.y(least)) / 2, name, "right")
        for name, least, above in _bands()
        if levels.y(least) - levels.y(above) > _ROOM
    ]
    line = _line(view, looks, lambda look: levels.y(look.runway or 0.0))
    drawn = [*bands, *shaded(view, 172), charts.line(line, "main"), *_moods(view, 158, 168)]
    said = "No record says how long it could have gone on."
    if looks:
        worst = min(looks, key=lambda look: look.runway or 0.0)
        said = (
            f"Began with {hours(known[0])}, last had {hours(known[-1])}; "
            f"the least was {hours(min(known))}, after {view.age(worst.when)}. {_mood(view)}"
        )
    return charts.panel(
        "runway",
        "Runway",
        said,
        drawn,
        axis=view.axis,
        height=172,
        labels=levels.labels(),
        names=[(163, "vitals")],
        tags=tags,
        unit="hours until its money or its gas would run out, if nothing changed",
    )


def money(view: View) -> Markup:
    looks = [look for look in view.life.looks.all() if look.micro is not None]
    housed = [look for look in looks if look.deposit is not None]
    levels = charts.scale(map(_whole, looks), 6, 118)
    both = _line(view, housed, lambda look: levels.y(_whole(look)))
    wallet = _line(view, looks, lambda look: levels.y((look.micro or 0) / 10**6))
    flow, said = view.life.flow, "No record says what it held."
    if flow.first is not None and flow.last is not None:
        said = (
            f"The wallet began with {tokens(flow.first)} tokens and last held {tokens(flow.last)}: "
            f"{tokens(flow.rose)} came in and {tokens(flow.fell)} went out, as it saw."
        )
    if view.life.sales:
        said += f" It sold {plural(view.life.sales, 'answer')} for {tokens(view.life.takings)}."
    if view.life.gifts:
        said += f" {plural(view.life.gifts, 'time')} something came that it had not asked for."
    return charts.panel(
        "money",
        "Money",
        said,
        [*shaded(view, 120), charts.line(both, "second"), charts.line(wallet, "main")],
        axis=view.axis,
        height=120,
        labels=levels.labels(),
        legend=[
            Key("main", "in the wallet"),
            Key("second", "with what its lease holds in deposit"),
        ],
        unit="tokens it lives on",
    )


def gas(view: View) -> Markup:
    looks = [look for look in view.life.looks.all() if look.wei is not None]
    held = [(look.wei or 0) / 10**18 for look in looks]
    levels = charts.scale(held, 6, 88)
    line = _line(view, looks, lambda look: levels.y((look.wei or 0) / 10**18))
    said = "No record says what it held."
    if looks:
        first, last = looks[0].wei or 0, looks[-1].wei or 0
        said = f"Began with {ether(first)} ETH and last held {ether(last)} ETH."
    return charts.panel(
        "gas",
        "Gas",
        said,
        [*shaded(view, 90), charts.line(line, "main")],
        axis=view.axis,
        height=90,
        labels=levels.labels(),
        unit="ETH for the fees of transactions",
    )


def _whole(look: Look) -> float:
    """Tokens in the wallet and in the lease's deposit."""
    return ((look.micro or 0) + (look.deposit or 0)) / 10**6


def _bands() -> Iterator[tuple[str, float, float]]:
    """Each of the vitals, from where it is reached to where the next is."""
    above = 10.0**_MOST_HOURS_LOG
    for name in VITALS:
        least = float(REACHED_AT_H[name])
        yield name, least, above
        above = least


def _decades(known: Sequence[float]) -> tuple[int, int]:
    """The powers of ten between which these hours lie."""
    some = [each for each in known if each > 0] or [1.0]
    low = max(floor(log10(max(min(some), 10.0**_LEAST_HOURS_LOG))), _LEAST_HOURS_LOG)
    low = min(low, _MOST_HOURS_LOG - 1)
    high = min(ceil(log10(min(max(some), 10.0**_MOST_HOURS_LOG))), _MOST_HOURS_LOG)
    return low, max(high, low + 1)


def _line(
    view: View, looks: Sequence[Look], height: Callable[[Look], float]
) -> Iterator[Point | None]:
    for stretch in _stretches(view, looks):
        yield from ((view.x(look.when), height(look)) for look in stretch)
        yield None


def _stretches(view: View, looks: Sequence[Look]) -> Iterator[Sequence[Look]]:
    """What was seen one after the other: nothing is drawn across a time in which nobody looked."""
    stops = sorted(pause.since.seq for pause in view.life.stops() if pause.since)
    for _, stretch in groupby(looks, lambda look: bisect_left(stops, look.when.seq)):
        yield list(stretch)


def _moods(view: View, top: float, bottom: float) -> Iterator[Markup]:
    """What the agent called its vitals, each until the next time it looked."""
    looks = [look for look in view.life.looks.all() if look.vitals is not None]
    for stretch in _stretches(view, looks):
        last = view.x(stretch[-1].when)
        runs = [list(run) for _, run in groupby(stretch, lambda look: look.vitals)]
        rights = [*(view.x(run[0].when) for run in runs[1:]), last]
        for run, right in zip(runs, rights, strict=True):
            name = run[0].vitals or ""
            yield charts.box(view.x(run[0].when), right, top, bottom, f"mood {name}", name)


def _mood(view: View) -> str:
    moods = view.life.moods
    whole = moods.total()
    said = ", ".join(f"{name} {share(moods[name], whole)}" for name in VITALS if moods[name])
    return f"It called itself {said} of the times it looked." if said else ""


def hours(runway: float) -> str:
    return f"{runway:,.1f} h" if runway < _LARGE else f"{runway:.2g} h"
