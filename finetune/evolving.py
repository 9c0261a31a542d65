"""Generation after generation: live, learn, promise, live again, judge, go on from the better.

Every step is a folder that is whole or is not there, so it goes on where it was stopped. What is
here is only the order of things; the last of them, in which sealed worlds are opened, is
`finetune.sealed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from finetune.dataset import dataset
from finetune.gate import gate
from finetune.mix import mix
from finetune.plan import LEARN, Generation, Notary, Plan, Tell, seeds
from finetune.sealed import open_sealed
from finetune.training import MODEL, bred_on, train
from world.arena.plan import Case, Policy, cases
from world.arena.results import Results
from world.arena.running import run
from world.censoring import seen
from world.reporting.grouping import places
from world.survival import restricted_mean

TEACHERS: Final = ("random", "heuristic")
"""Rules whose lives are learnt from besides the generations' own: they try what models do not."""


def evolve(root: Path, first: Path, plan: Plan, notary: Notary, tell: Tell) -> list[Generation]:
    """The generations that were promoted, the first one with them."""
    root.mkdir(parents=True, exist_ok=True)
    line, tries = [Generation(0, first)], 0
    for number in range(1, plan.rounds + 1):
        parent, tries = line[-1], tries + 1
        tell(f"round {number}: living to learn, {parent.name} and its teachers")
        learn(root, line, plan, number)
        sources = [root / f"learning-{n}" / "tables" for n in range(1, number + 1)]
        data = dataset(sources, root / f"dataset-{number}", tell)
        tell(f"round {number}: {_said(data.manifest['figures'])}")
        course = plan.course if parent.number == 0 else bred_on(plan.course)
        done = train(data.folder, parent.model, root / f"generation-{number}", course, tell)
        child = Generation(number, done.folder / MODEL)
        verdict = gate(root / f"gate-{number}", parent, child, tries, plan, notary, tell)
        tell(
            f"{child.name} is {'promoted' if verdict.promoted else 'rejected'}: "
            f"{verdict.child_h:.1f} h, {parent.name} {verdict.parent_h:.1f} h, e {verdict.e:.3g}"
            + "".join(f"; {why}" for why in verdict.against)
        )
        if verdict.promoted:
            line.append(child)
            tries = 0
    open_sealed(root, line, plan, notary, tell)
    return line


def learn(root: Path, line: Sequence[Generation], plan: Plan, number: int) -> None:
    """New worlds each time, for the last two generations and the teachers."""
    out = root / f"learning-{number}"
    run(learning(root, line, plan, number), plan.files, out, workers=plan.workers, tables=True)


def learning(root: Path, line: Sequence[Generation], plan: Plan, number: int) -> list[Case]:
    """Whose lives, and how many of them: `finetune.mix` says."""
    who = [Policy(each.name, str(each.model), generation=each.number) for each in line[-2:]]
    who += [Policy(rule) for rule in TEACHERS]
    before = lasted_h(root / f"learning-{number - 1}")
    given = mix({each.name: before.get(each.name, 0.0) for each in who}, plan.learn_seeds)
    return [
        case
        for each in who
        for case in cases(plan.files, [each], seeds(number, LEARN, given[each.name]), plan.epsilon)
    ]


def lasted_h(folder: Path) -> Mapping[str, float]:
    """How long each policy's lives were there, on average over its scenarios."""
    if not folder.exists():
        return {}
    told: dict[str, list[float]] = {}
    for place in places(Results(folder).rows(), {}):
        for policy in place.lives:
            lives = [life for world in place.worlds(policy, seen, place.tau_h) for life in world]
            told.setdefault(policy, []).append(restricted_mean(lives, place.tau_h).hours)
    return {policy: sum(hours) / len(hours) for policy, hours in told.items()}


def _said(figures: Mapping[str, object]) -> str:
    return ", ".join(f"{value} {name}" for name, value in figures.items())
