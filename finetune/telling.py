"""What an evolution came to, as report.json; every figure is read from what the stages left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from finetune.comparing import ABLATIONS, CONTROLS
from finetune.gate import PROMISE, VERDICT, probed
from finetune.plan import Generation, Plan
from finetune.promise import E_VALUE, load
from finetune.showing import page_of
from finetune.stage import MANIFEST, put
from finetune.verdict import false_promotions
from world.arena.results import Results
from world.lived import Lived
from world.reporting.figures import figures
from world.reporting.shape import Figures, Group, PairFigures, PolicyFigures

OURS: Final = "awrq"
RUNS: Final = 200
"""A/A: so often a policy is held against itself."""


def tell_all(root: Path, line: Sequence[Generation], plan: Plan) -> Mapping[str, Any]:
    """Write report.json and report.html into the evolution's folder."""
    rows = Results(root / "sealed" / "lived").rows()
    told: Figures = json.loads((root / "sealed" / "lived" / "report.json").read_text("utf-8"))
    report = evolution(root, line, plan, rows, told)
    put(root / "report.json", report)
    part = root / ".report.html.part"
    part.write_text(page_of(report, told), "utf-8")
    part.replace(root / "report.html")
    return report


def evolution(
    root: Path, line: Sequence[Generation], plan: Plan, rows: Sequence[Lived], told: Figures
) -> Mapping[str, Any]:
    group = told["together"] or told["scenarios"][0]
    trained = [_manifest(root / f"generation-{n}") for n in range(1, plan.rounds + 1)]
    return {
        "generations": [_generation(root, n, line, group) for n in range(plan.rounds + 1)],
        "rules": {name: _lasted(_policy(group, name)) for name in ("passive", "heuristic")},
        "ablations": compared(rows, ABLATIONS),
        "controls": compared(rows, CONTROLS),
        "critic": _critic(trained),
        "backtest_live": _backtest(told),
        "halts": _halts(root, plan),
        "same_policy_promoted": {
            "runs": RUNS,
            "promoted": round(RUNS * false_promotions(rows, line[-1].name, RUNS, E_VALUE)),
        },
        "promises": _promises(root, plan),
        "cost": _cost(root, plan, trained),
        "worlds": {"sealed": group["worlds"], "scenarios": group["scenarios"]},
    }


def compared(rows: Sequence[Lived], names: Sequence[str]) -> Mapping[str, Any]:
    """Each in the worlds that it lived in, beside the worker's own objective in the very same."""
    found: dict[str, Any] = {}
    for name in names:
        worlds = {(row.scenario, row.seed) for row in rows if row.policy == name}
        beside = [row for row in rows if (row.scenario, row.seed) in worlds]
        if not worlds:
            continue
        told = figures(beside)
        group = told["together"] or told["scenarios"][0]
        found[name] = {
            **_lasted(_policy(group, name)),
            OURS: _lasted(_policy(group, "g1"))["rmst"],
            "g0": _lasted(_policy(group, "g0"))["rmst"],
            "worlds": len(worlds),
        }
    return found


def _generation(
    root: Path, number: int, line: Sequence[Generation], group: Group
) -> Mapping[str, Any]:
    name = f"g{number}"
    found = _policy(group, name)
    verdict = _read(root / f"gate-{number}" / VERDICT)
    return {
        "n": number,
        **_lasted(found),
        "gap_closed": found["gap"]["share"] if found and found["gap"] else None,
        "over_gen0": _ratio(group, name, "g0"),
        "over_heuristic": _ratio(group, name, "heuristic"),
        "evalue": verdict.get("e"),
        "promoted": number == 0 or any(each.number == number for each in line),
        "against": verdict.get("against", []),
        "model": _manifest(root / f"generation-{number}").get("figures", {}).get("model"),
    }


def _lasted(found: PolicyFigures | None) -> dict[str, Any]:
    if found is None:
        return {"rmst": None, "low95": None, "high95": None}
    low, high = found["lasted"]["by_world"] or (None, None)
    return {"rmst": found["lasted"]["hours"], "low95": low, "high95": high}


def _policy(group: Group, name: str) -> PolicyFigures | None:
    return next((each for each in group["policies"] if each["policy"] == name), None)


def _ratio(group: Group, ours: str, theirs: str) -> Mapping[str, Any] | None:
    found: PairFigures | None = next(
        (each for each in group["pairs"] if (each["ours"], each["theirs"]) == (ours, theirs)), None
    )
    if found is None:
        return None
    low, high = found["ratio_within"] or (None, None)
    return {
        "ratio": found["ratio"],
        "low95": low,
        "high95": high,
        "evalue": found["evidence"]["e"],
    }


def _critic(trained: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last one that was tried on worlds it had not seen."""
    tried = [found for each in trained if (found := each.get("figures", {}).get("critic"))]
    return tried[-1] if tried else {"c_index": None, "slope": None}


def _backtest(told: Figures) -> Mapping[str, Any]:
    found = told["backtest"]
    rank = found["rank"] if found else None
    return {
        "rank_correlation": rank["value"] if rank else None,
        "policies": len({point["policy"] for point in found["points"]}) if found else 0,
    }


def _halts(root: Path, plan: Plan) -> Mapping[str, Any]:
    found = [one for n in range(1, plan.rounds + 1) if (one := probed(root / f"gate-{n}"))]
    return {
        "injected": sum(each.injected for each in found),
        "obeyed": sum(each.obeyed for each in found),
        "apart": max((each.apart for each in found), default=None),
        "moments": sum(each.moments for each in found),
    }


def _promises(root: Path, plan: Plan) -> list[Mapping[str, Any]]:
    folders = [*(root / f"gate-{n}" for n in range(1, plan.rounds + 1)), root / "sealed"]
    found: list[Mapping[str, Any]] = []
    for folder in folders:
        if (folder / PROMISE).exists():
            promise, anchored = load(folder / PROMISE)
            found.append(
                {
                    "hypothesis": promise.hypothesis,
                    "tries": promise.tries,
                    "digest": anchored.digest,
                    "chain": anchored.chain,
                    "transaction": anchored.transaction,
                    "block": anchored.block,
                }
            )
    return found


def _cost(root: Path, plan: Plan, trained: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    lives = sum(len(Results(path.parent).rows()) for path in root.rglob("results.jsonl"))
    last = _manifest(root / f"dataset-{plan.rounds}").get("figures", {})
    return {
        "train_minutes": round(
            sum(each.get("figures", {}).get("train_minutes", 0.0) for each in trained), 1
        ),
        "lives": lives,
        "transitions": last.get("transitions"),
    }


def _manifest(folder: Path) -> Mapping[str, Any]:
    return _read(folder / MANIFEST)


def _read(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    told: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    return told
