"""The chart of a life's leases, as its log says and as the market holds them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import WIDTH, Key, Tag
from telemetry.auditing.drawing.markup import Markup, tame
from telemetry.auditing.drawing.pauses import named, pause_keys, paused, shaded
from telemetry.auditing.drawing.view import View
from telemetry.auditing.drawing.wording import count, plural, span
from telemetry.auditing.facts import LeaseFact

_HOUSED: Final = {"active": "housed", "grace": "grace"}
_COMING: Final = frozenset(("quoted", "requested", "provisioning"))
_MOST: Final = 400
_ROOM: Final = 90
"""Thousandths of the width that a lease must last to hold its name."""


def lease(view: View) -> Markup:
    market = _market(view)
    height = 52 if market else 28
    drawn, tags = [*shaded(view, height), *named(view, height)], list[Tag]()
    for left, right, state, name in _leased(view):
        kind = _HOUSED.get(state, "coming" if state in _COMING else "unhoused")
        drawn.append(charts.box(left, right, 5, 23, f"lease {kind}", name))
        if right - left > _ROOM:
            tags.append(Tag(left, 14, name, "on" if kind == "housed" else "left"))
    if view.clock.on_chain:
        drawn += _paid_boxes(view, market)
    return charts.panel(
        "lease",
        "Lease",
        _lease_said(view, market),
        drawn,
        axis=view.axis,
        height=height,
        names=[(14, "log"), (38, "market")] if market else [(14, "log")],
        tags=tags,
        legend=_lease_legend(view, has_market=bool(market)),
        unit="the machine it rents",
    )


def _market(view: View) -> Sequence[LeaseFact]:
    """Its own leases that began: its operator may have opened some for others."""
    life = view.checked.life
    return [
        each
        for each in view.checked.leases[:_MOST]
        if each.activated_at and life is not None and each.tenant == life.wallet
    ]


def _paid_boxes(view: View, market: Sequence[LeaseFact]) -> Iterator[Markup]:
    for each in market:
        until = min(each.settled_until, each.closed_at or each.settled_until)
        left, right = (view.axis.x(view.clock.age_at(time)) for time in (each.activated_at, until))
        yield charts.box(left, right, 29, 47, "lease market", f"lease {each.lease}")


def _leased(view: View) -> Iterator[tuple[float, float, str, str]]:
    """From where to where the log says which lease was in which state; its ending says no more."""
    changes = list(view.life.leases)
    end = view.x(view.life.leaving) if view.life.leaving else float(WIDTH)
    for place, change in enumerate(changes):
        said = change.said
        if place + 1 < len(changes):
            right = view.x(changes[place + 1].when)
        elif view.life.leases.more:
            right = view.x(change.when)  # what came then was only counted
        else:
            right = max(end, view.x(change.when))
        if said.state != "gone":
            name = f"lease {count(said.lease)} {tame(said.state)}"
            yield view.x(change.when), right, said.state, name


def _lease_said(view: View, market: Sequence[LeaseFact]) -> str:
    leases = view.life.leases
    if not leases.count:
        said = "No record of a lease."
    else:
        numbers = {change.said.lease for change in leases}
        said = f"{plural(len(numbers), 'lease')} in {plural(leases.count, 'record')}"
        said += f", {count(leases.more)} of them not shown." if leases.more else "."
    paid = [max(0, each.settled_until - each.activated_at) for each in market]
    if paid:
        said += f" The market holds {plural(len(paid), 'lease')}, paid for {span(sum(paid))}."
    return f"{said} {paused(view)}".strip()


def _lease_legend(view: View, *, has_market: bool) -> list[Key]:
    states = {state for _, _, state, _ in _leased(view)}
    keys = [
        (Key("housed", "active"), "active" in states),
        (Key("grace", "in grace: unpaid, not yet ended"), "grace" in states),
        (Key("coming", "asked for"), bool(states & _COMING)),
        (Key("unhoused", "over"), bool(states - _COMING - _HOUSED.keys())),
        (Key("market", "paid, as the market holds it"), has_market),
    ]
    return [*(key for key, there in keys if there), *pause_keys(view)]
