"""From rows to a report: what was lived, beside what could have been and what a replay foretold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from world.arena.results import Results
from world.backtest.imagining import imagined
from world.backtest.replay import replay
from world.baselines import RULES
from world.clairvoyant import clairvoyant_h, foreseen
from world.lived import Lived
from world.reporting.given import Backtest, Bounds
from world.reporting.write import write_report
from world.scenario import Scenario, load_scenario


def judge(out: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Write the report of a folder's rows; gives where it lies."""
    rows = Results(out).rows()
    worlds = {(made := load_scenario(path)).name: made for path in files}
    bounds = [bound for name, made in worlds.items() if (bound := _bounds(name, made, rows))]
    write_report(out, rows, bounds, _backtests(worlds, rows))
    return {"report": str(out / "report.html"), "figures": str(out / "report.json")}


def _bounds(name: str, scenario: Scenario, rows: Sequence[Lived]) -> Bounds | None:
    """Over the very worlds that were lived in."""
    mine = [row for row in rows if row.scenario == name]
    passive = [row.paid_h for row in mine if row.policy == "passive"]
    seeds = sorted({row.seed for row in mine})
    if not passive or not foreseen(scenario):
        return None
    best = mean(clairvoyant_h(scenario, seed) for seed in seeds)
    return Bounds(name, scenario.time.horizon_h, mean(passive), best)


def _backtests(worlds: dict[str, Scenario], rows: Sequence[Lived]) -> list[Backtest]:
    """Rules, where a replay knows all there is; a model's choices are the worker's to replay."""
    found: list[Backtest] = []
    for name, scenario in worlds.items():
        if not foreseen(scenario):
            continue
        for policy, rule in RULES.items():
            lived = [row for row in rows if (row.scenario, row.policy) == (name, policy)]
            if lived:
                told = [replay(scenario, imagined(scenario, r.seed), rule).paid_h for r in lived]
                live = mean(row.paid_h for row in lived)
                found.append(Backtest(policy, name, mean(told), live))
    return found
