"""The tables of a report. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from telemetry.auditing.drawing.markup import Content, Markup, element, tame
from telemetry.auditing.drawing.wording import count
from world.reporting.shape import BacktestFigures, Group, PairFigures, PolicyFigures
from world.reporting.words import NONE, between, evidence, hours, percent, ratio, signed
from world.reporting.words import money as micro

Column = tuple[str, Callable[[PolicyFigures], Markup]]
"""Its head, and its cell for a policy."""


def lasted(group: Group, colours: Mapping[str, str]) -> Markup:
    columns: list[Column] = [
        ("policy", lambda told: _policy(told["policy"], colours)),
        (">lives", lambda told: number(count(told["lives"]))),
        (">hours", lambda told: number(hours(told["lasted"]["hours"]))),
        ("95 of 100", lambda told: cell(between(told["lasted"]["by_world"], hours))),
        (">median", lambda told: number(hours(told["median_h"]))),
        (">share of gap", lambda told: number(percent(told["gap"] and told["gap"]["share"]))),
        ("95 of 100", lambda told: cell(between(told["gap"] and told["gap"]["within"], percent))),
    ]
    if len(group["scenarios"]) > 1:
        columns.insert(1, (">scenarios", lambda told: number(count(told["scenarios"]))))
    if any(map(_doubtful, group["policies"])):
        columns.append(("worst to best", _worst_to_best))
    heads = [head for head, _ in columns]
    return table(heads, ([write(told) for _, write in columns] for told in group["policies"]))


def _worst_to_best(told: PolicyFigures) -> Markup:
    return cell(between((told["lasted"]["worst_h"], told["lasted"]["best_h"]), hours))


def _doubtful(told: PolicyFigures) -> bool:
    return told["lasted"]["best_h"] > told["lasted"]["worst_h"]


def ends(group: Group, colours: Mapping[str, str]) -> Markup:
    rows = [
        [
            _policy(told["policy"], colours),
            number(count(told["ends"]["died"])),
            number(count(told["ends"]["horizon"])),
            number(count(told["ends"]["halted"])),
            number(count(told["ends"]["lost"])),
            number(count(told["ends"]["slept"])),
            number(percent(told["idle_share"])),
            number(f"{count(told['audits_ok'])} of {count(told['lives'])}"),
            number(count(told["faults"])),
        ]
        for told in group["policies"]
    ]
    heads = ("policy", ">died", ">horizon", ">halted", ">lost", ">slept", ">idle")
    return table([*heads, ">audits ok", ">faults"], rows)


def money(group: Group, colours: Mapping[str, str]) -> Markup:
    rows = []
    for told in group["policies"]:
        has = told["money"]
        amounts = (has["first"], has["earned"], has["gifts"], has["other_in"])
        spent = (has["rent"], has["gas"], has["other_out"])
        rows.append(
            [
                _policy(told["policy"], colours),
                *(number(micro(amount)) for amount in (*amounts, *spent, has["end"])),
                number(ratio(told["earned_per_rent"])),
            ]
        )
    heads = ("policy", ">at first", ">earned", ">gifts", ">other in", ">rent", ">gas")
    return table([*heads, ">other out", ">at the end", ">earned ÷ rent"], rows)


def pairs(group: Group, colours: Mapping[str, str]) -> Markup:
    told = sorted(group["pairs"], key=lambda pair: -pair["evidence"]["e"])
    heads = ("does", "outlive", ">e-value", "shown", ">worst case", ">by pairs", ">hours more")
    more = ("95 of 100", ">ratio", "95 of 100", ">worlds")
    return table([*heads, *more], [_pair(pair, colours) for pair in told])


def _pair(told: PairFigures, colours: Mapping[str, str]) -> list[Markup]:
    found, coin = told["evidence"], told["pairs"]
    waiting = f" + {count(found['waiting'])}" if found["waiting"] else ""
    return [
        _policy(told["ours"], colours),
        _policy(told["theirs"], colours),
        number(evidence(found["e"])),
        cell("yes" if found["shown"] else "no", "shown" if found["shown"] else "note"),
        number(evidence(found["worst_case_e"])),
        number(evidence(coin["e"])),
        number(signed(told["difference_h"])),
        cell(between(told["difference_within"], signed)),
        number(ratio(told["ratio"])),
        cell(between(told["ratio_within"], ratio)),
        number(f"{count(found['worlds'])}{waiting}"),
    ]


def backtest(told: BacktestFigures, colours: Mapping[str, str]) -> Markup:
    rows = [
        [
            _policy(point["policy"], colours),
            cell(point["scenario"]),
            number(hours(point["backtest_h"])),
            cell(_error(point["backtest_error_h"])),
            number(hours(point["live_h"])),
            cell(_error(point["live_error_h"])),
            number(signed(point["live_h"] - point["backtest_h"])),
        ]
        for point in told["points"]
    ]
    heads = ("policy", "scenario", ">backtest, h", "± error", ">live, h", "± error")
    return table([*heads, ">live less backtest, h"], rows)


def _error(error: float | None) -> str:
    return NONE if error is None else f"± {hours(error)}"


def _policy(name: str, colours: Mapping[str, str]) -> Markup:
    return element("th", element("b", class_=f"swatch {colours[name]}"), tame(name), scope="row")


def cell(text: str, kind: str | None = None) -> Markup:
    return element("td", tame(text), class_=kind)


def number(text: str) -> Markup:
    return cell(text, "number")


def table(heads: Sequence[str], rows: Iterable[Sequence[Content]]) -> Markup:
    """A head that begins with > stands over numbers."""
    names = [
        element(
            "th",
            name.removeprefix(">"),
            scope="col",
            class_="number" if name.startswith(">") else None,
        )
        for name in heads
    ]
    body = [element("tr", *row) for row in rows]
    told = element("table", element("thead", element("tr", *names)), element("tbody", *body))
    return element("div", told, class_="wide")
