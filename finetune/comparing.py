"""What the worker's objective is compared with: other objectives and two controls, on equal terms.

Each is taught from the first dataset, to a child of generation 0, with the same course; only what
is learnt differs. They are never bred from.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from finetune.plan import Generation, Plan, Tell
from finetune.training import MODEL, train
from world.arena.plan import Policy

ABLATIONS: Final = ("filtered", "per_sample", "kto")
CONTROLS: Final = ("shuffled", "zero")


def compared(root: Path, first: Generation, plan: Plan, tell: Tell) -> list[Policy]:
    """All of them, trained."""
    found = []
    for name in (*ABLATIONS, *CONTROLS):
        tell(f"for comparison: {name}")
        course = replace(plan.course, aim=replace(plan.course.aim, name=name), trial=False)
        done = train(root / "dataset-1", first.model, root / f"compared-{name}", course, tell)
        found.append(Policy(name, str(done.folder / MODEL), generation=1))
    return found
