"""The end: worlds that nobody has lived in, looked at once, after saying what is expected there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from finetune.comparing import compared
from finetune.gate import promised
from finetune.plan import SEALED, Generation, Notary, Plan, Tell, seeds
from finetune.promise import Promise
from finetune.stage import digest
from finetune.telling import tell_all
from finetune.training import MODEL
from world.arena.judging import judge as report
from world.arena.plan import Case, Policy, cases
from world.arena.running import run
from world.freeze import figures_digest
from world.scenario import load_scenario

RULES: Final = ("passive", "random", "reflex", "heuristic")


def open_sealed(
    root: Path, line: Sequence[Generation], plan: Plan, notary: Notary, tell: Tell
) -> None:
    """All generations, the rules and what is compared with them live there; then all is told."""
    first, last = line[0], line[-1]
    others = compared(root, first, plan, tell) if plan.controls else []
    if others and all(each.number != 1 for each in line):
        others.append(Policy("g1", str(root / "generation-1" / MODEL), generation=1))
    out, its = root / "sealed", list(seeds(0, SEALED, plan.sealed_seeds))
    promised(
        out,
        Promise(
            hypothesis=_hypothesis(first, last),
            child=digest(last.model),
            parent=digest(first.model),
            worlds={(made := load_scenario(path)).name: made.digest for path in plan.files},
            heuristic=figures_digest(),
            seeds=its,
            others={each.name: digest(Path(each.model)) for each in others},
        ),
        notary,
        tell,
    )
    tell(f"sealed worlds are opened: {len(its)} of each scenario")
    asked = sealed_cases(line, others, plan, its)
    run(asked, plan.files, out / "lived", workers=plan.workers)
    report(out / "lived", asked, workers=plan.workers)
    tell_all(root, line, plan)


def _hypothesis(first: Generation, last: Generation) -> str:
    over = "the heuristic" if last is first else f"{first.name} and than the heuristic"
    return f"in sealed worlds {last.name} lives longer than {over}"


def sealed_cases(
    line: Sequence[Generation], others: Sequence[Policy], plan: Plan, its: Sequence[int]
) -> list[Case]:
    """What is only compared with lives in the first of the worlds."""
    who = [Policy(rule) for rule in RULES]
    who += [Policy(each.name, str(each.model), generation=each.number) for each in line]
    few = its[: plan.control_seeds]
    return [
        *cases(plan.files, who, its, 0.0),
        *cases(plan.files, others, few, 0.0),
    ]
