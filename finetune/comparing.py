"""What the worker's objective is compared with: other objectives and two controls, on equal terms.

Each is taught from the first dataset, to a child of generation 0, with the same course; only what
is learnt differs. They are never bred from.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Final

from finetune.plan import Generation, Plan, Tell
from finetune.training import MODEL, Course, train
from world.arena.plan import Policy
from world.family import end_with_asker

ABLATIONS: Final = ("filtered", "per_sample", "kto")
CONTROLS: Final = ("shuffled", "zero")


def compared(root: Path, first: Generation, plan: Plan, tell: Tell) -> list[Policy]:
    """All of them, trained: as many at once as lives are lived at once."""
    names = (*ABLATIONS, *CONTROLS)
    tell(f"for comparison: {', '.join(names)}")
    alone = replace(plan.course, policy=replace(plan.course.policy, threads=1), trial=False)
    courses = [replace(alone, aim=replace(alone.aim, name=name)) for name in names]
    folders = [root / f"compared-{name}" for name in names]
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(plan.workers, context, initializer=end_with_asker) as pool:
        done = pool.map(_taught, repeat(root / "dataset-1"), repeat(first.model), folders, courses)
        for name, minutes in zip(names, done, strict=True):
            tell(f"{name} is taught, in {minutes} minutes")
    return [
        Policy(name, str(folder / MODEL), generation=1)
        for name, folder in zip(names, folders, strict=True)
    ]


def _taught(data: Path, parent: Path, out: Path, course: Course) -> float:
    done = train(data, parent, out, course, lambda _: None)
    return float(done.manifest["figures"]["train_minutes"])
