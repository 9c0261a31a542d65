"""Lives that nobody lived, on prompts that a life could read, to learn from; and a crew's errand.

    torchrun --nproc-per-node 2 -m lessons OUT

writes the losses that the first process was told of, and every process's weights.
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from finetune.crew import crew
from finetune.dataset import LIVES, MOMENTS
from finetune.features import ACTION_N, STATE_N
from finetune.improve import Improving, improve
from finetune.moments import LAST, Moments
from finetune.objective import Lesson
from finetune.policy import Policy, Shape
from finetune.situations import examples
from finetune.stage import stage
from finetune.vocab import SIZE

LENGTH = 20
OBJECTIVES = ("awrq", "kto")
HOW = Improving(moments=400, batch=21, warmup=4)


def moments(lives=15, seed=7):
    """Lives of twenty decisions each, on menus of two and more."""
    dice = np.random.default_rng(seed)
    count = lives * LENGTH
    rows = list(islice(examples(seed, foreign=0, shuffled=0), count))
    menus, prompts = ([len(part) for part in each] for each in zip(*_pairs(rows), strict=True))
    starts = np.concatenate(([0], np.cumsum(menus)))
    following = np.arange(1, count + 1)
    following[LENGTH - 1 :: LENGTH] = LAST
    return Moments(
        life=np.repeat(np.arange(lives), LENGTH).astype(np.int32),
        states=dice.normal(size=(count, STATE_N)).astype(np.float32),
        starts=starts,
        lines=dice.normal(size=(starts[-1], ACTION_N)).astype(np.float32),
        mu=np.repeat(1 / np.asarray(menus), menus).astype(np.float32),
        chosen=dice.integers(0, menus).astype(np.int32),
        hours=dice.random(count).astype(np.float32),
        runway=np.ones(count, dtype=np.float32),
        following=following,
        died=following == LAST,
        remaining=np.ones(count, dtype=np.float32),
        token_starts=np.concatenate(([0], np.cumsum(prompts))),
        tokens=np.concatenate([row.tokens for row in rows]).astype(np.uint16),
    )


def _pairs(rows):
    return [(row.scores, row.tokens) for row in rows]


def lesson(told, *, sharp=0.9):
    """The last line of each menu is to be taken; moments weigh differently, some of them less."""
    dice = np.random.default_rng(1)
    sizes = np.diff(told.starts)
    target = np.repeat((1 - sharp) / np.maximum(1, sizes - 1), sizes)
    target[told.starts[1:] - 1] = sharp
    weight = dice.exponential(1, len(told))
    sign = np.where(dice.random(len(told)) < 0.3, -1, 1)
    bends = dice.random(len(told)) < 0.3
    return Lesson(*(each.astype(np.float32) for each in (target, weight, sign, bends)))


def dataset(folder):
    """A finished stage that holds them."""
    told = moments()
    lives = [{"life": str(i), "world": i} for i in range(int(told.life[-1]) + 1)]

    def work(part):
        told.save(part / MOMENTS)
        (part / LIVES).write_text(json.dumps(lives))
        return {}

    return stage(folder, "dataset", {}, {}, work).folder


def parent(seed=1):
    torch.manual_seed(seed)
    return Policy(Shape(vocab=SIZE, width=64, inner=128))


def learnt(mates, *, kto=False):
    """The child, and the loss at each step."""
    told, losses = moments(), []
    child = improve(
        parent(),
        told,
        lesson(told),
        HOW,
        lambda at: losses.append(at.here),
        kto=kto,
        crew=mates,
    )
    return child, losses


def main():
    out = Path(sys.argv[1])
    with crew() as mates:
        for name in OBJECTIVES:
            child, losses = learnt(mates, kto=name == "kto")
            torch.save(child.state_dict(), out / f"{name}-{mates.rank}.pt")
            if mates.leads:
                (out / f"{name}.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    main()
