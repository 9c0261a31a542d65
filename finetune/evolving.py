"""Generation after generation: live, learn, promise, live again, judge, go on from the better.

Every step is a folder that is whole or is not there, so it goes on where it was stopped. Worlds
to learn in, worlds to be judged in and worlds sealed until the end have seeds of their own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finetune.dataset import dataset
from finetune.objective import Aim
from finetune.promise import Promise, confirm, load, register, save
from finetune.stage import digest
from finetune.training import MODEL, Course, train
from finetune.verdict import Verdict, hold_still, judge
from world.arena.judging import judge as report
from world.arena.plan import Policy, cases
from world.arena.results import Results
from world.arena.run import run
from world.heuristic import USUAL
from world.lived import Lived
from world.scenario import load_scenario
from world.survival import Life, restricted_mean

if TYPE_CHECKING:
    from chain.keys import Key

ANCHORS: Final = ("passive", "heuristic")
TEACHERS: Final = ("random", "heuristic")
"""Rules whose lives are learnt from besides the generations' own: they try what models do not."""
SEALED: Final = 9_000
"""Seeds from here on are looked at once, in the end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    files: tuple[Path, ...]
    generations: int = 3
    learn_seeds: int = 8
    """Worlds of each scenario to learn in, new ones for each generation."""
    judge_seeds: int = 8
    sealed_seeds: int = 8
    epsilon: float = 0.05
    """Of choices are anything, while it learns."""
    workers: int = 2
    course: Course = field(default_factory=Course)
    aim: Aim = field(default_factory=Aim)


@dataclass(frozen=True, slots=True)
class Generation:
    """A model that lives or lived."""

    number: int
    model: Path

    @property
    def name(self) -> str:
        return f"g{self.number}"


@dataclass(frozen=True, slots=True)
class Registrar:
    """Where promises are put on chain."""

    rpc: str
    key: Key


def evolve(
    root: Path, first: Path, plan: Plan, registrar: Registrar, tell: Callable[[str], None]
) -> list[Generation]:
    """The generations that were promoted, the first one with them."""
    root.mkdir(parents=True, exist_ok=True)
    line = [Generation(0, first)]
    for number in range(1, plan.generations + 1):
        parent = line[-1]
        folder = root / f"generation-{number}"
        tell(f"generation {number}: living to learn, as {parent.name}")
        _live_to_learn(root / f"learning-{number}", parent, plan, number)
        sources = [root / f"learning-{n}" / "tables" for n in range(1, number + 1)]
        data = dataset(sources, root / f"dataset-{number}", tell)
        tell(f"generation {number}: {data.manifest['figures']}")
        course = replace(plan.course, aim=plan.aim)
        done = train(data.folder, parent.model, folder, course, tell)
        child = Generation(number, done.folder / MODEL)
        verdict = _judge(root, parent, child, plan, registrar, tell)
        tell(
            f"generation {number}: {'promoted' if verdict.promoted else 'rejected'}, "
            f"{verdict.child_h:.1f} h against {verdict.parent_h:.1f} h, e {verdict.e:.3g}"
            + "".join(f"; {why}" for why in verdict.against)
        )
        if verdict.promoted:
            line.append(child)
    _live_sealed(root / "sealed", line, plan, tell)
    return line


def _live_to_learn(out: Path, parent: Generation, plan: Plan, number: int) -> None:
    """New worlds each time; the rules' lives are of use to every generation."""
    seeds = [1000 * number + n for n in range(1, plan.learn_seeds + 1)]
    policies = [Policy(parent.name, str(parent.model), generation=parent.number)]
    if number == 1:
        policies += [Policy(rule) for rule in TEACHERS]
    wanted = list(cases(plan.files, policies, seeds, plan.epsilon))
    run(wanted, plan.files, out, workers=plan.workers, tables=True)


def _judge(
    root: Path,
    parent: Generation,
    child: Generation,
    plan: Plan,
    registrar: Registrar,
    tell: Callable[[str], None],
) -> Verdict:
    out = root / f"judging-{child.number}"
    out.mkdir(parents=True, exist_ok=True)
    seeds = [1000 * child.number + 500 + n for n in range(1, plan.judge_seeds + 1)]
    promised = out / "promise.json"
    promise = Promise(
        hypothesis=f"{child.name} lives longer than {parent.name}",
        child=digest(child.model),
        parent=digest(parent.model),
        worlds={(made := load_scenario(path)).name: made.digest for path in plan.files},
        heuristic=rival_digest(),
        seeds=seeds,
    )
    if not promised.exists():
        save(promised, promise, asyncio.run(register(promise, registrar.rpc, registrar.key)))
        (out / "began").write_text(f"{time.time():.3f}\n", "utf-8")
    kept, anchored = load(promised)
    began = float((out / "began").read_text("utf-8"))
    asyncio.run(confirm(kept, anchored, registrar.rpc, began + 1))
    tell(f"generation {child.number}: promised on chain in block {anchored.block}; now it is tried")
    policies = [
        Policy(child.name, str(child.model), generation=child.number),
        Policy(parent.name, str(parent.model), generation=parent.number),
        *(Policy(anchor) for anchor in ANCHORS),
    ]
    run(list(cases(plan.files, policies, seeds, 0.0)), plan.files, out, workers=plan.workers)
    rows = Results(out).rows()
    report(out, plan.files)
    _hold_still(root, child.number, rows)
    verdict = judge(
        rows,
        child.name,
        parent.name,
        e_value=kept.e_value,
        least_effect=kept.least_effect,
    )
    (out / "verdict.json").write_text(json.dumps(asdict(verdict), indent=1) + "\n", "utf-8")
    return verdict


def _hold_still(root: Path, number: int, rows: Sequence[Lived]) -> None:
    """Anchors are remembered from round to round."""
    path = root / "anchors.json"
    before: Mapping[str, float] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    hold_still(before, rows, ANCHORS)
    now = {}
    for anchor in ANCHORS:
        lives = [Life(r.paid_h, r.event) for r in rows if r.policy == anchor]
        if lives:
            now[anchor] = restricted_mean(lives, min(r.horizon_h for r in rows)).hours
    if not before:
        path.write_text(json.dumps(now, indent=1) + "\n", "utf-8")
    del number


def _live_sealed(
    out: Path, line: Sequence[Generation], plan: Plan, tell: Callable[[str], None]
) -> None:
    tell("worlds that were sealed are opened")
    seeds = [SEALED + n for n in range(1, plan.sealed_seeds + 1)]
    policies = [Policy(each.name, str(each.model), generation=each.number) for each in line]
    policies += [Policy(rule) for rule in ("passive", "random", "reflex", "heuristic")]
    run(list(cases(plan.files, policies, seeds, 0.0)), plan.files, out, workers=plan.workers)
    report(out, plan.files)


def rival_digest() -> str:
    """The heuristic's figures, frozen with the scenarios."""
    import hashlib

    text = json.dumps(asdict(USUAL), sort_keys=True)
    return "0x" + hashlib.sha256(text.encode()).hexdigest()
