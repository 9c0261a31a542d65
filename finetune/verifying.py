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
from dataclasses import asdict
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
from world.arena.results import ROWS, Results
from world.reporting.figures import figures

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
        if (lived / ROWS).exists():
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
    """On the chain, earlier than the lives, and of models that are here."""
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
    return Step(name, f"in block {anchored.block}, {promise.hypothesis}", tuple(wrong))


def _verdict(folder: Path) -> Step:
    """Judged once more, by what was promised to count; without lives nobody can be promoted."""
    told, name = _read(folder / VERDICT), f"verdict of {folder.name}"
    promise, _ = load(folder / PROMISE)
    if not (folder / "judged" / ROWS).exists():
        claimed = told.get("promoted") is not False
        return Step(name, "rejected before any life", ("nobody lived for it",) * claimed)
    results = Results(folder / "judged")
    names = {who["sha256"]: name for name, who in results.asked()["policies"].items()}
    found = judge(
        results.rows(),
        names.get(promise.child, ""),
        names.get(promise.parent, ""),
        e_value=promise.e_value,
        least_effect=promise.least_effect,
        model=promise.child,
    )
    plain = json.loads(json.dumps(asdict(found)))
    wrong = tuple(
        f"{key} does not follow from the lives" for key in plain if told.get(key) != plain[key]
    )
    said = "promoted" if found.promoted else "rejected"
    return Step(name, f"{said}, e {found.e:.3g}, as {found.worlds} worlds have it", wrong)


def _report(root: Path, first: Path) -> Step:
    """Told once more from what the stages left."""
    told = _read(root / REPORT)
    rounds = len(list(root.glob(f"generation-*/{MANIFEST}")))
    rows = Results(root / "sealed" / "lived").rows()
    shown = _read(root / "sealed" / "lived" / REPORT)
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
    bred = [
        Generation(number, root / f"generation-{number}" / MODEL)
        for number in range(1, rounds + 1)
        if _read(root / f"gate-{number}" / VERDICT).get("promoted")
    ]
    return [Generation(0, first), *bred]


def _read(path: Path) -> Any:
    """An object of JSON."""
    try:
        told: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise BadStage("this cannot be read", file=path, why=fault) from None
    if not isinstance(told, dict):
        raise BadStage("nobody of ours wrote this", file=path)
    return told
