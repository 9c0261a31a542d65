"""Follows an evolution from its report back to its chain and its logs, believing nothing of it.

Each step says what holds or what is wrong: files are what their manifests say, each stage began
with what the one before it left; promises stand on their chain, made before anything was tried;
every life that counted is a sound log of its own, ended with the very checkpoint that the results
name, thought with the very model that was promised, and chose what that model chooses; verdicts and
report follow from the lives.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from finetune.errors import BadStage, NoPromise
from finetune.gate import PROMISE, VERDICT
from finetune.plan import Generation, Notary, Plan, Tell
from finetune.promise import confirm, load
from finetune.rereading import Step, reread
from finetune.stage import MANIFEST, check, digest
from finetune.telling import evolution
from finetune.training import MODEL
from finetune.verdict import judge
from world.arena.results import Results
from world.reporting.figures import figures
from world.scenario import SHIPPED, load_scenario

REPORT: Final = "report.json"


def verify(root: Path, first: Path, notary: Notary, again: int, tell: Tell) -> Iterator[Step]:
    """From `first` on, generation 0; `again` lives of each model are asked once more."""
    if not (root / REPORT).is_file():
        raise BadStage("this is no finished evolution", folder=root)
    known = models(root, first)
    yield from _stages(root, known)
    for folder in _promised(root):
        yield asyncio.run(_promise(folder, known, notary))
    for folder in _promised(root):
        lived = folder / ("lived" if folder.name == "sealed" else "judged")
        if (lived / "results.jsonl").exists():
            yield reread(folder, lived, known, again, tell)
        if (folder / VERDICT).exists():
            yield _verdict(folder)
    yield _report(root, first)


def models(root: Path, first: Path) -> Mapping[str, Path]:
    """Every model of this evolution by its digest."""
    found = [first, *root.glob(f"generation-*/{MODEL}"), *root.glob(f"compared-*/{MODEL}")]
    return {digest(path): path for path in found}


def _stages(root: Path, known: Mapping[str, Path]) -> Iterator[Step]:
    tables = {digest(path) for path in root.glob("learning-*/tables/**/lives.parquet")}
    sets = {digest(path) for path in root.glob(f"dataset-*/{MANIFEST}")}
    for path in sorted(root.glob(f"*/{MANIFEST}")):
        wrong: list[str] = []
        try:
            manifest = check(path.parent)
        except BadStage as fault:
            yield Step(path.parent.name, "", (str(fault),))
            continue
        inputs = manifest["inputs"]
        if manifest["stage"] == "dataset" and not set(inputs["tables"]) <= tables:
            wrong.append("it was made from other tables than the lives left")
        if manifest["stage"] == "train" and inputs["dataset"] not in sets:
            wrong.append("it was taught from another dataset")
        if manifest["stage"] == "train" and inputs["parent"] not in known:
            wrong.append("its parent is none of this evolution")
        files = len(manifest["outputs"])
        yield Step(path.parent.name, f"{files} files are what its manifest says", tuple(wrong))


def _promised(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob(f"*/{PROMISE}"))


async def _promise(folder: Path, known: Mapping[str, Path], notary: Notary) -> Step:
    """On the chain, earlier than the lives; of models and worlds that are those that are here."""
    name = f"promise of {folder.name}"
    try:
        promise, anchored = load(folder / PROMISE)
        with notary() as at:
            began = float((folder / "began").read_text("utf-8"))
            await confirm(promise, anchored, at.rpc, began)
    except (NoPromise, OSError, ValueError) as fault:
        return Step(name, "", (str(fault),))
    wrong = [
        f"the model of {whose} is not here"
        for whose, model in (
            ("child", promise.child),
            ("parent", promise.parent),
            *promise.others.items(),
        )
        if model not in known
    ]
    for scenario, promised in promise.worlds.items():
        shipped = SHIPPED / f"{scenario}.toml"
        if shipped.is_file() and load_scenario(shipped).digest != promised:
            wrong.append(f"the {scenario} that ships is another one")
    return Step(name, f"in block {anchored.block}, {promise.hypothesis}", tuple(wrong))


def _verdict(folder: Path) -> Step:
    told = json.loads((folder / VERDICT).read_text("utf-8"))
    name = f"verdict of {folder.name}"
    if not (folder / "judged" / "results.jsonl").exists():
        return Step(name, "it was rejected before any life", ())
    promise, _ = load(folder / PROMISE)
    number = int(folder.name.rpartition("-")[2])
    rows = Results(folder / "judged").rows()
    names = {row.policy for row in rows}
    (parent,) = names - {f"g{number}"}
    found = judge(
        rows,
        f"g{number}",
        parent,
        e_value=promise.e_value,
        least_effect=promise.least_effect,
        model=promise.child,
    )
    ours = {"promoted": found.promoted, "e": found.e, "child_h": found.child_h}
    wrong = [key for key, value in ours.items() if told.get(key) != value]
    said = "promoted" if found.promoted else "rejected"
    return Step(
        name,
        f"{said}, e {found.e:.3g}, as {found.worlds} worlds have it",
        tuple(f"{key} does not follow from the lives" for key in wrong),
    )


def _report(root: Path, first: Path) -> Step:
    """Told once more from what the stages left."""
    told: Mapping[str, Any] = json.loads((root / REPORT).read_text("utf-8"))
    rounds = len(list(root.glob(f"generation-*/{MANIFEST}")))
    rows = Results(root / "sealed" / "lived").rows()
    shown = json.loads((root / "sealed" / "lived" / REPORT).read_text("utf-8"))
    plan = Plan(files=(), rounds=rounds)
    again = evolution(root, _line(root, first, rounds), plan, rows, shown)
    plain = json.loads(json.dumps(again))
    wrong = [key for key in plain if told.get(key) != plain[key]]
    if _compared(shown) != _compared(json.loads(json.dumps(figures(rows)))):
        wrong.append("what the sealed lives came to")
    return Step(
        "report",
        f"{len(told)} parts follow from the stages",
        tuple(f"{key} does not follow from what was lived" for key in wrong),
    )


def _compared(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """All that follows from the lives alone, without bounds and backtests."""
    return {
        group["name"]: (
            {each["policy"]: each["lasted"] for each in group["policies"]},
            {(each["ours"], each["theirs"]): each["ratio"] for each in group["pairs"]},
        )
        for group in told["scenarios"]
    }


def _line(root: Path, first: Path, rounds: int) -> Sequence[Generation]:
    line = [Generation(0, first)]
    for number in range(1, rounds + 1):
        verdict = json.loads((root / f"gate-{number}" / VERDICT).read_text("utf-8"))
        if verdict["promoted"]:
            line.append(Generation(number, root / f"generation-{number}" / MODEL))
    return line
