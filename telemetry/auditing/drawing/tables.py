"""The tables of an audit's page: what was found, chosen, sent, signed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telemetry.auditing.drawing.markup import Content, Markup, element, joined, tame
from telemetry.auditing.drawing.view import View
from telemetry.auditing.drawing.wording import count, ether, plural, share, shortened, tokens
from telemetry.auditing.findings import Finding
from telemetry.auditing.timeline import Sealed
from telemetry.cid import from_digest

_OPEN_ROWS: Final = 12
"""Of longer tables the rest is folded, unless it is only a few rows."""
_FEW: Final = 4
_OPEN_FINDINGS: Final = 30
_PURPOSES: Final = {
    "birth": "to be born",
    "serve": "to say where its log is served",
    "anchor": "to fix its log on the chain",
    "close": "to close its lease at the end",
    "end": "to pay out to its operator and end",
    "drain": "to pay out to its operator after a halt",
    "act": "for a decision that was not found",
    "unknown": "settled, but not seen to be sent",
}


def findings(found: Sequence[Finding]) -> Markup:
    """Faults first, in the order in which they were found."""
    rows = [
        element(
            "tr",
            element("td", each.level, class_=each.level),
            element("td", each.kind),
            _number("–" if each.record is None else count(each.record)),
            element("td", element("bdi", each.detail)),
        )
        for each in sorted(found, key=lambda each: each.level)
    ]
    return _table(("", "kind", ">record", "what"), rows, _OPEN_FINDINGS)


def choices(view: View) -> Markup:
    whole = view.life.decisions
    lanes = sorted(view.life.lanes.items(), key=lambda each: -each[1].choices.count)
    rows = [
        element(
            "tr",
            element("td", element("bdi", tame(key))),
            _number(count(lane.choices.count)),
            _number(share(lane.choices.count, whole)),
            _number(count(lane.choices.count - lane.reflexes)),
            _number(count(lane.reflexes)),
        )
        for key, lane in lanes
    ]
    return _table(("chosen", ">times", ">share", ">by the model", ">by reflex"), rows)


def transactions(view: View) -> Markup:
    tallies = sorted(view.life.spent.tallies.items(), key=lambda each: -each[1].sent)
    rows = [
        element(
            "tr",
            element("td", element("bdi", _purpose(label))),
            _number(count(tally.sent)),
            _number(count(tally.done)),
            _number(count(tally.failed)),
            _number(ether(tally.fees)),
            _number(tokens(tally.pulled) if tally.pulled else "–"),
        )
        for label, tally in tallies
    ]
    heads = ("for", ">sent", ">settled", ">failed", ">fees, ETH", ">tokens paid")
    return _table(heads, rows)


def epochs(view: View) -> Markup:
    sealed = view.life.sealed.all()
    anchored = _anchored(view)
    rows = [
        element(
            "tr",
            _number(count(each.number)),
            _number(count(each.records)),
            _number(count(each.size)),
            _number(view.age(each.when)),
            element("td", _standing(each, anchored)),
            element("td", hashed(from_digest(each.digest))),
        )
        for each in sealed
    ]
    heads = (">epoch", ">records", ">in all", ">after", "anchor", "CID")
    more = view.life.sealed.count - len(rows)
    said = f"{plural(more, 'epoch')} between these are not listed."
    return joined(_table(heads, rows), element("p", said) if more else None)


def hashed(name: str) -> Markup:
    """Its ends, and all of it to whoever points at it."""
    whole = tame(name)
    return element("code", shortened(whole), title=whole)


def _anchored(view: View) -> dict[int, tuple[bytes, str]]:
    """Which epochs are anchored, as the chain or else the log says, by their numbers."""
    if view.checked.on_chain:
        return {
            each.mark.epoch: (each.mark.digest, f"block {count(each.block)}")
            for each in view.checked.anchors
        }
    return {
        each.mark.epoch: (each.mark.digest, f"the log says, record {count(each.when.seq)}")
        for each in view.life.anchors
    }


def _standing(sealed: Sealed, anchored: dict[int, tuple[bytes, str]]) -> str:
    """An anchor fixes all epochs before it, too."""
    digest, said = anchored.get(sealed.number, (sealed.digest, ""))
    if said:
        return said if digest == sealed.digest else f"another checkpoint: {said}"
    later = min((number for number in anchored if number > sealed.number), default=None)
    return "none" if later is None else f"by that of epoch {count(later)}"


def _purpose(label: str) -> str:
    return _PURPOSES.get(label, tame(label))


def _number(text: str) -> Markup:
    return element("td", text, class_="number")


def _table(heads: Sequence[str], rows: Sequence[Markup], most: int = _OPEN_ROWS) -> Markup:
    """A head that begins with > stands over numbers; what is too long to show is folded."""
    shown = _plain_table(heads, rows[:most] if len(rows) > most + _FEW else rows)
    if len(rows) <= most + _FEW:
        return shown
    more = element("summary", f"{count(len(rows) - most)} more")
    return joined(shown, element("details", more, _plain_table(heads, rows[most:])))


def _plain_table(heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    names: list[Content] = [
        element(
            "th",
            name.removeprefix(">"),
            scope="col",
            class_="number" if name.startswith(">") else None,
        )
        for name in heads
    ]
    table = element("table", element("thead", element("tr", *names)), element("tbody", *rows))
    return element("div", table, class_="wide")
