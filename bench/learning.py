"""The worker's pace: tables to arrays, and minutes from a hundred thousand decisions to a file.

`dataset` is decisions a second through the whole stage; its floor reads the same columns of the
same tables and writes the same arrays, and works nothing out. `learn` is a critic, a lesson, a
child and its file, in minutes for 10⁵ decisions read once: measured on fewer, as every step costs
the same. Its floor is the bare network on as many rows of as many tokens, there and back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow.parquet as pq
import torch
from result import Result, Results

from agent.models import FIRST, resolve
from finetune.critic import CriticCourse
from finetune.dataset import dataset, load
from finetune.export import restore
from finetune.moments import Moments
from finetune.tables import COLUMNS, tables
from finetune.teach import Improving
from finetune.training import Course, train
from world.arena.plan import Policy, cases
from world.arena.running import run
from world.scenario import SHIPPED

LIVES: Final = 6
ROUNDS: Final = 3
READ: Final = 3_200
ASKED: Final = 100_000
MINUTE: Final = 60


def measure() -> Results:
    with TemporaryDirectory(prefix="forager-bench-") as folder:
        root = Path(folder)
        _live(root / "lives")
        rounds = [_dataset(root, n) for n in range(ROUNDS)]
        data = root / "data0"
        learnt, bare = _learn(data, root / "child"), _bare(load(data)[0])
    stage, floor = (median(rates) for rates in zip(*rounds, strict=True))
    return {
        "dataset": Result(stage, "1/s", floor),
        "learn": Result(learnt, "min", bare),
    }


def _live(out: Path) -> None:
    who = [Policy("g0", str(resolve(FIRST))), Policy("heuristic")]
    path = SHIPPED / "mirage.toml"
    wanted = list(cases([path], who, range(1, LIVES // 2 + 1), 0.05))
    run(wanted, [path], out, workers=2, tables=True, quiet=True)


def _dataset(root: Path, n: int) -> tuple[float, float]:
    out = root / f"data{n}"
    ours = _rate(
        lambda: int(
            dataset([root / "lives/tables"], out, _quiet).manifest["figures"]["transitions"]
        )
    )
    return ours, _rate(lambda: _copied(root / "lives/tables", load(out)[0], root / f"floor{n}.npz"))


def _copied(source: Path, moments: Moments, path: Path) -> int:
    rows = 0
    for folder in tables([source]):
        pq.read_table(folder / "lives" / "lives.parquet")
        for file in sorted((folder / "transitions").glob("*.parquet")):
            rows += pq.read_table(file, columns=list(COLUMNS)).num_rows
    np.savez(path, **{each.name: getattr(moments, each.name) for each in fields(Moments)})
    return rows


def _learn(data: Path, out: Path) -> float:
    """The critic's steps do not grow with what is read; the rest is taken in proportion."""
    course = Course(policy=Improving(moments=READ), trial=False)
    short = replace(course, critic=CriticCourse(steps=1), policy=Improving(moments=READ))
    whole = _seconds(lambda: train(data, resolve(FIRST), out / "whole", course, _quiet))
    taught = _seconds(lambda: train(data, resolve(FIRST), out / "taught", short, _quiet))
    return ((whole - taught) + taught * ASKED / READ) / MINUTE


def _bare(moments: Moments) -> float:
    torch.set_num_threads(1)
    policy, batch = restore(resolve(FIRST)).train(), Improving().batch
    length = int(np.diff(moments.token_starts).mean())
    tokens = torch.randint(0, policy.shape.vocab, (batch, length))
    asked = torch.full((batch, 1), length - 1)

    def step() -> None:
        policy.zero_grad()
        policy(tokens, asked).sum().backward()

    step()
    return median(_seconds(step) for _ in range(9)) * ASKED / batch / MINUTE


def _rate(work: Callable[[], int]) -> float:
    began = time.perf_counter()
    return work() / (time.perf_counter() - began)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _quiet(_: str) -> None:
    """Nobody is told."""


if __name__ == "__main__":
    print(measure())
