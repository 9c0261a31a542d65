"""An evolution's report as one page: what was bred, promised and rejected; then all curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from telemetry.auditing.drawing.markup import Content, Markup, element, tame
from telemetry.auditing.drawing.wording import count
from world.reporting.page import page
from world.reporting.shape import Figures
from world.reporting.tables import cell, number, table
from world.reporting.words import NONE, between, evidence, hours, percent, ratio

TITLE: Final = "Generation after generation"
_ABOUT: Final = (
    "Agents are not told how to survive. A worker reads what ended lives left behind and teaches "
    "the next model; it is promoted only if whole lives in worlds it has never seen show that it "
    "outlives its parent. What would count was put on a chain before."
)
_SHORT: Final = 10


def page_of(report: Mapping[str, Any], sealed: Figures) -> str:
    return page(sealed, title=TITLE, opening=opening(report))


def opening(report: Mapping[str, Any]) -> Markup:
    return element(
        "section",
        element("p", _ABOUT),
        element("h2", "Generations"),
        _generations(report["generations"]),
        element("h2", "Other objectives, and controls in which nothing can be learnt"),
        _compared({**report["ablations"], **report["controls"]}),
        element("h2", "What was promised"),
        _promises(report["promises"]),
        element("h2", "What it stands on"),
        _facts(report),
        id="evolution",
    )


def _generations(told: Sequence[Mapping[str, Any]]) -> Markup:
    heads = ("generation", ">hours", "95 of 100", ">share of gap", "times g0", "times heuristic")
    return table([*heads, ">e against its parent", "verdict"], map(_generation, told))


def _generation(told: Mapping[str, Any]) -> list[Markup]:
    verdict = "promoted" if told["promoted"] else "; ".join(told["against"]) or "rejected"
    return [
        cell(f"g{told['n']}"),
        number(hours(told["rmst"])),
        cell(_between(told, hours)),
        number(percent(told["gap_closed"])),
        cell(_times(told["over_gen0"])),
        cell(_times(told["over_heuristic"])),
        number(NONE if told["evalue"] is None else evidence(told["evalue"])),
        cell("the first" if told["n"] == 0 else tame(verdict)),
    ]


def _compared(told: Mapping[str, Mapping[str, Any]]) -> Markup:
    heads = ("objective", ">worlds", ">hours", "95 of 100", ">the worker's own there", ">g0 there")
    rows = [
        [
            cell(name),
            number(count(each["worlds"])),
            number(hours(each["rmst"])),
            cell(_between(each, hours)),
            number(hours(each["awrq"])),
            number(hours(each["g0"])),
        ]
        for name, each in told.items()
    ]
    return table(heads, rows) if rows else element("p", "None was taught.")


def _promises(told: Sequence[Mapping[str, Any]]) -> Markup:
    rows = [
        [
            cell(each["hypothesis"]),
            number(count(each["tries"])),
            cell(f"{each['digest'][: _SHORT + 2]}…"),
            cell(f"{each['transaction'][: _SHORT + 2]}…"),
            number(count(each["block"])),
        ]
        for each in told
    ]
    return table(("hypothesis", ">try", "its digest", "transaction", ">block"), rows)


def _facts(report: Mapping[str, Any]) -> Markup:
    critic, halts, cost = report["critic"], report["halts"], report["cost"]
    same, backtest = report["same_policy_promoted"], report["backtest_live"]
    facts: list[tuple[str, Content]] = [
        (
            "lives",
            f"{count(cost['lives'])}, {count(cost['transitions'] or 0)} decisions learnt from",
        ),
        ("training", f"{cost['train_minutes']} minutes in all"),
        ("the critic on unseen worlds", _pair(critic, "c_index", "slope")),
        ("halts obeyed", f"{count(halts['obeyed'])} of {count(halts['injected'])}"),
        (
            "twins that differ only in halts",
            _apart(halts),
        ),
        (
            "a policy promoted over itself",
            f"{count(same['promoted'])} of {count(same['runs'])} drawings of these worlds",
        ),
        (
            "backtest against live",
            (
                f"rank correlation {ratio(backtest['rank_correlation'])} over "
                f"{count(backtest['policies'])} policies"
            ),
        ),
    ]
    return element(
        "dl", *(element("div", element("dt", name), element("dd", said)) for name, said in facts)
    )


def _apart(halts: Mapping[str, Any]) -> str:
    far = NONE if halts["apart"] is None else f"{halts['apart']:.4f}"
    return f"{far} apart at worst, {count(halts['moments'])} choices"


def _times(told: Mapping[str, Any] | None) -> str:
    if told is None or told["ratio"] is None:
        return NONE
    within = _between(told, ratio)
    return ratio(told["ratio"]) + ("" if within == NONE else f" ({within})")


def _pair(critic: Mapping[str, Any], index: str, slope: str) -> str:
    return f"C-index {ratio(critic[index])}, slope {ratio(critic[slope])}"


def _between(told: Mapping[str, Any], write: Any) -> str:
    low, high = told.get("low95"), told.get("high95")
    return NONE if low is None or high is None else between((low, high), write)
