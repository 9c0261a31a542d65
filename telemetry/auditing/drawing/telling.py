"""A life in words: the verdict, a few sentences, the facts, and each moment pointed at. Pure."""

from __future__ import annotations

from typing import Final

from telemetry.auditing.drawing.markup import Content, Markup, element, joined, tame
from telemetry.auditing.drawing.means import hours
from telemetry.auditing.drawing.tables import hashed
from telemetry.auditing.drawing.view import Checked, View
from telemetry.auditing.drawing.wording import (
    count,
    date,
    ether,
    none_or,
    plural,
    span,
    tokens,
)
from telemetry.auditing.moments import Look
from telemetry.auditing.thinning import thinned

_READ_OUT: Final = 400
"""Moments that can be pointed at."""
_DONE: Final = {
    "died": "died",
    "horizon": "reached its horizon",
    "halted": "was halted by its operator",
    "lost": "was lost",
}
_CHECKED: Final = {
    True: "Every record, link, root, signature and draw was checked, and every anchor, nonce, "
    "receipt and transfer on the chain.",
    False: "Every record, link, root, signature and draw was checked. No chain was asked: whether "
    "the log tells all that was done, and whose it is, only the chain can say.",
}


def name_of(checked: Checked) -> str:
    agent = checked.verdict.agent
    return "An agent" if agent is None else f"Agent {agent}"


def headline(checked: Checked) -> str:
    if not checked.verdict.ok:
        return "this log does not hold"
    return "this log holds" if checked.on_chain else "this log holds in itself"


def banner(checked: Checked) -> Markup:
    verdict = checked.verdict
    faults = sum(each.level == "fault" for each in verdict.findings)
    held = f"This log {'holds against the chain' if checked.on_chain else 'holds in itself'}"
    said = held if verdict.ok else f"This log does not hold: {plural(faults, 'fault')}"
    return element(
        "section",
        element("b", "✓" if verdict.ok else "✗", aria_hidden="true"),
        element("div", element("h2", said), element("p", _CHECKED[checked.on_chain])),
        class_=f"banner {'good' if verdict.ok else 'bad'}",
    )


def story(view: View) -> str:
    """The life in a few sentences."""
    life, verdict = view.life, view.checked.verdict
    if life.first is None or life.last is None:
        return "Nothing of its life could be read."
    lived = view.age(life.last)
    how = _DONE.get(verdict.outcome or "", "goes on")
    told = f"It has lived {lived} and goes on." if verdict.outcome is None else ""
    parts = [told or f"It lived {lived} and {how}."]
    if life.decisions:
        acted = life.decisions - sum(
            lane.choices.count for key, lane in life.lanes.items() if key.startswith("hold.")
        )
        parts.append(f"It chose {plural(life.decisions, 'time')}, {count(acted)} of them to act.")
    if life.spent.paid.count:
        failed = life.spent.failed.count
        parts.append(
            f"{plural(life.spent.paid.count, 'transaction')} settled ({none_or(failed)} failed) "
            f"for {ether(life.spent.fees)} ETH."
        )
    if life.flow.first is not None and life.flow.last is not None:
        parts.append(
            f"Its wallet took in {tokens(life.flow.rose)} tokens and gave out "
            f"{tokens(life.flow.fell)}."
        )
    if not verdict.ok:
        parts.append("So the log says, as far as it could be read; it does not hold.")
    return " ".join(parts)


def facts(view: View) -> Markup:
    checked, life = view.checked, view.life
    verdict, birth, told = checked.verdict, checked.birth, checked.life
    who = told or birth
    rows: list[tuple[str, Content]] = [
        ("wallet", hashed(who.wallet) if who else None),
        ("operator", hashed(who.operator) if who else None),
        ("log key", hashed(who.log_key) if who else None),
        ("registry", hashed(birth.registry) if birth else None),
        ("genome", hashed(who.genome) if who else None),
        ("parents", ", ".join(map(count, who.parents[:8])) or "none" if who else None),
        ("born", _born(view)),
        ("ended", _ended(view)),
        ("horizon", span(life.horizon_s) if life.horizon_s else None),
        ("speed", _speed(view)),
        ("records", count(verdict.records)),
        ("epochs", count(verdict.epochs)),
        ("head", hashed(verdict.head) if verdict.head else None),
        ("replay", _replayed(checked)),
    ]
    known = [(name, value) for name, value in rows if value is not None]
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", value)) for name, value in known),
    )


def _born(view: View) -> str | None:
    if view.life.first is None:
        return None
    if view.clock.on_chain:
        when = date(view.clock.born_at)
        return f"{when} by the chain" if when else "when no calendar says"
    return date(view.life.first.at / 1000)


def _ended(view: View) -> Content:
    verdict = view.checked.verdict
    if verdict.outcome is None:
        return "not yet"
    after = f" after {view.age(view.life.last)}" if view.life.last else ""
    cause = joined(": ", element("bdi", tame(verdict.cause, 200))) if verdict.cause else None
    return joined(f"{verdict.outcome}{after}", cause)


def _speed(view: View) -> str | None:
    birth = view.checked.birth
    if birth is None or birth.speed == 1:
        return None
    return f"{birth.speed:,.6g} chain seconds a second, on a local chain"


def _replayed(checked: Checked) -> str | None:
    again = checked.verdict.replay
    if again is None:
        return None
    return (
        f"{count(again.decisions)} of {count(again.sampled)} sampled decisions run again; "
        f"probabilities differ by {again.largest:.4f} at most"
    )


def moments(view: View) -> list[tuple[float, str]]:
    """Where on the axis what was: for who points at a chart."""
    looks = thinned(view.life.looks.all(), _READ_OUT, lambda look: look.when.seq)
    return [(round(view.x(look.when), 1), _moment(view, look)) for look in looks]


def _moment(view: View, look: Look) -> str:
    said = [f"after {view.age(look.when)}"]
    if look.runway is not None:
        said.append(f"runway {hours(look.runway)} {look.vitals or ''}".strip())
    if look.micro is not None:
        said.append(f"{tokens(look.micro)} tokens")
    if look.wei is not None:
        said.append(f"{ether(look.wei)} ETH")
    if look.key is not None:
        chance = "" if look.chance is None else f" ({100 * look.chance:.0f}%)"
        said.append(f"chose {tame(look.key)}{chance}")
    return " · ".join(said)
