"""From rows to a report: what was lived, beside what could have been and what a replay foretold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from world.arena.foretelling import can_foretell, foretell
from world.arena.plan import Case
from world.arena.results import Results
from world.clairvoyant import clairvoyant_h, foreseen
from world.lived import Lived
from world.reporting.given import Backtest, Bounds
from world.reporting.write import write_report
from world.scenario import Scenario, load_scenario


def judge(out: Path, cases: Sequence[Case], *, workers: int = 1) -> dict[str, Any]:
    """Write the report of a folder's rows; gives where it lies.

    `cases` say which worlds and policies the rows are of, as far as they are known.
    """
    rows = Results(out).rows()
    worlds = {(made := load_scenario(Path(path))).name: made for path in _files(cases)}
    bounds = [bound for name, made in worlds.items() if (bound := _bounds(name, made, rows))]
    write_report(out, rows, bounds, _backtests(cases, rows, workers))
    return {"report": str(out / "report.html"), "figures": str(out / "report.json")}


def _files(cases: Sequence[Case]) -> Sequence[str]:
    return list(dict.fromkeys(case.scenario for case in cases))


def _bounds(name: str, scenario: Scenario, rows: Sequence[Lived]) -> Bounds | None:
    """Over the very worlds that were lived in."""
    mine = [row for row in rows if row.scenario == name]
    passive = [row.paid_h for row in mine if row.policy == "passive"]
    seeds = sorted({row.seed for row in mine})
    if not passive or not foreseen(scenario):
        return None
    best = mean(clairvoyant_h(scenario, seed) for seed in seeds)
    return Bounds(name, scenario.time.horizon_h, mean(passive), best)


def _backtests(cases: Sequence[Case], rows: Sequence[Lived], workers: int) -> list[Backtest]:
    """What each policy's lives of a scenario would have been by replay, and what they were."""
    names = {path: load_scenario(Path(path)).name for path in _files(cases)}
    lived = {(row.scenario, row.seed, row.policy): row.paid_h for row in rows}
    asked = [
        case
        for case in cases
        if (names[case.scenario], case.seed, case.policy) in lived and can_foretell(case)
    ]
    told: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for case, hours in foretell(asked, workers):
        name = names[case.scenario]
        told[case.policy, name].append((hours, lived[name, case.seed, case.policy]))
    return [_backtest(policy, name, pairs) for (policy, name), pairs in told.items()]


def _backtest(policy: str, scenario: str, pairs: Sequence[tuple[float, float]]) -> Backtest:
    """Of hours foretold and lived."""
    foretold, live = zip(*pairs, strict=True)
    return Backtest(policy, scenario, mean(foretold), mean(live), _error(foretold), _error(live))


def _error(hours: Sequence[float]) -> float | None:
    """Of their mean."""
    return stdev(hours) / len(hours) ** 0.5 if len(hours) > 1 else None
