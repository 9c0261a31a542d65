"""The charts of what a life did: its choices, its transactions, its log. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import WIDTH, Key, Tag
from telemetry.auditing.drawing.markup import Markup, tame
from telemetry.auditing.drawing.pauses import shaded
from telemetry.auditing.drawing.view import View
from telemetry.auditing.drawing.wording import count, ether, none_or, plural, share
from telemetry.auditing.moments import OTHERS, Bin, When
from telemetry.auditing.timeline import Lane, Timeline

_LANE: Final = 34
"""Pixels of a row, and of the highest bar in it."""
_BAR: Final = 16.0
_LEAST: Final = 2.5
"""Pixels of the lowest: what was done once must show."""
_COLOURS: Final = 6
_FAULTS: Final = 100
_MARK_KEYS: Final = (
    Key("chosen", "chosen by the model: the taller, the more probable it was"),
    Key("reflex", "by reflex, no model asked"),
)
_BAR_KEYS: Final = (Key("mix", "its share of the choices of that time"),)


def decisions(view: View) -> Markup:
    """Every choice of a short life; of a long one, how its mix of choices went."""
    lanes = sorted(view.life.lanes.items(), key=lambda each: -each[1].choices.count)
    height, whole = max(1, len(lanes)) * _LANE, view.life.decisions
    each_one = not any(lane.choices.more for _, lane in lanes)
    drawn, tags, mix = [*shaded(view, height)], list[Tag](), _mixed(view.life)
    for place, (key, lane) in enumerate(lanes):
        base, kind = (place + 1.0) * _LANE - 1, f"kind{place % _COLOURS}"
        drawn += _marks(view, lane, base, kind) if each_one else _bars(view, mix, key, base, kind)
        tags.append(Tag(0, base - 23, f"{tame(key)} {count(lane.choices.count)}"))
    often = ", ".join(f"{tame(key)} {share(lane.choices.count, whole)}" for key, lane in lanes[:4])
    return charts.panel(
        "decisions",
        "Decisions",
        f"{plural(whole, 'choice')}: {often}." if whole else "No record of a choice.",
        drawn,
        axis=view.axis,
        height=height,
        tags=tags,
        legend=(_MARK_KEYS if each_one else _BAR_KEYS) if whole else (),
        unit="what it chose, each kind of action in a row of its own",
    )


def _marks(view: View, lane: Lane, base: float, kind: str) -> Iterator[Markup]:
    chosen = list(lane.choices)
    thought = [each for each in chosen if not each.reflex]
    heights = [base - 4 - (_BAR - 4) * (each.chance or 0.0) for each in thought]
    places = [view.x(each.when) for each in thought]
    yield charts.ticks([(x, base, top) for x, top in zip(places, heights, strict=True)], kind)
    yield charts.dots([(view.x(each.when), base - 3) for each in chosen if each.reflex], "reflex")


def _bars(view: View, mix: Sequence[Bin], key: str, base: float, kind: str) -> Iterator[Markup]:
    for part in mix:
        if times := part.chosen.get(key, 0):
            top = base - max(_LEAST, _BAR * times / part.whole)
            said = f"{share(times, part.whole)} of {plural(part.whole, 'choice')}"
            yield charts.box(view.x(part.since), view.x(part.until), top, base, f"bar {kind}", said)


def _mixed(life: Timeline) -> Sequence[Bin]:
    """By the rows that there are."""
    mix = []
    for part in life.mix():
        chosen = Counter[str]()
        for key, times in part.chosen.items():
            chosen[key if key in life.lanes else OTHERS] += times
        mix.append(part._replace(chosen=chosen))
    return mix


def transactions(view: View) -> Markup:
    spent = view.life.spent
    paid = spent.paid.all()
    levels = charts.scale([each.total / 10**18 for each in paid], 6, 92)
    curve = [(view.x(each.when), levels.y(each.total / 10**18)) for each in paid]
    curve = [(0.0, levels.y(0)), *curve, (float(WIDTH), curve[-1][1])] if curve else []
    drawn, legend = [*shaded(view, 120), charts.stairs(curve, "main")], [Key("main", "fees so far")]
    if len(paid) == spent.paid.count:
        done = [(view.x(each.when), 105.0, 115.0) for each in paid if each.ok]
        drawn.append(charts.ticks(done, "settled"))
        legend.append(Key("settled", "settled"))
    if spent.failed.count:
        drawn.append(charts.dots([(view.x(each.when), 110.0) for each in spent.failed], "failed"))
        legend.append(Key("failed", "failed"))
    return charts.panel(
        "transactions",
        "Transactions",
        _transactions_said(view.life),
        drawn,
        axis=view.axis,
        height=120,
        labels=levels.labels(),
        legend=legend if paid else (),
        unit="ETH of fees, as they added up",
    )


def _transactions_said(life: Timeline) -> str:
    settled, failed, said = life.spent.paid.count, life.spent.failed, "No transaction settled."
    if settled:
        said = (
            f"{plural(settled, 'transaction')} settled, {none_or(failed.count)} of them failed; "
            f"their fees were {ether(life.spent.fees)} ETH in all."
        )
    if failed.more:
        said += f" {count(failed.more)} failed ones are not shown."
    if life.refused:
        said += f" The signer refused {count(life.refused)} more."
    return said


def epochs(view: View) -> Markup:
    sealed = view.life.sealed.all()
    ages = {each.number: each.when for each in sealed}
    marks, faults = _anchors(view, ages), _faults(view)
    drawn = [
        *shaded(view, 54),
        charts.ticks([(view.x(each.when), 20, 36) for each in sealed], "sealed"),
        charts.dots([(x, 10) for x in marks], "anchor"),
        charts.dots([(x, 46) for x in faults], "failed"),
    ]
    said = f"the log says it anchored {none_or(view.life.anchors.count)} of them"
    if view.checked.on_chain:
        said = f"the chain holds {plural(len(marks), 'anchor')} of them"
    legend = [Key("sealed", "an epoch ends")]
    if marks:
        legend.append(Key("anchor", "anchored on the chain"))
    if faults:
        legend.append(Key("failed", "a fault found here"))
    return charts.panel(
        "epochs",
        "Epochs",
        f"{plural(view.life.sealed.count, 'epoch')}; {said}.",
        drawn,
        axis=view.axis,
        height=54,
        legend=legend,
        unit="pieces in which its log was signed and published",
    )


def _anchors(view: View, ages: dict[int, When]) -> list[float]:
    """Where anchors lie: the chain's own, or else those that the log says it made."""
    if not view.checked.on_chain:
        return [view.x(each.when) for each in view.life.anchors]
    last = view.life.last or When(0, 0, 0)
    return [
        view.x(ages.get(each.mark.epoch, last)._replace(block=each.block))
        for each in view.checked.anchors
    ]


def _faults(view: View) -> list[float]:
    """Where on the axis the records are that faults concern."""
    places = sorted(
        [(look.when.seq, look.when) for look in view.life.looks.all()]
        + [(each.when.seq, each.when) for each in view.life.sealed.all()]
    )
    seqs = [seq for seq, _ in places]
    found = view.checked.verdict.findings
    records = [each.record for each in found if each.level == "fault" and each.record is not None]
    nearest = (min(bisect_left(seqs, record), len(seqs) - 1) for record in records[:_FAULTS])
    return [view.x(places[place][1]) for place in nearest if places]
