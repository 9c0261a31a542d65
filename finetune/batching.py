"""Moments into batches, by length, to pad little; those that weigh nothing are not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch

from compute.scoring import LABELS
from finetune.loss import Batch
from finetune.moments import Moments
from finetune.objective import Lesson

POOL: Final = 24
"""Batches are cut from so many at a time."""

Indices = np.ndarray[Any, Any]


def cuts(moments: Moments, lesson: Lesson, seed: int, size: int) -> Iterator[Indices]:
    """Which moments are learnt at once, without end; the same for everybody with the same seed."""
    dice = np.random.default_rng(seed)
    useful = np.flatnonzero((lesson.weight > 0) & (np.diff(moments.starts) > 1))
    if not len(useful):
        raise ValueError("there is nothing to learn from")
    while True:
        order = dice.permutation(useful)
        for at in range(0, len(order), POOL * size):
            pool = order[at : at + POOL * size]
            lengths = moments.token_starts[pool + 1] - moments.token_starts[pool]
            pool = pool[np.argsort(lengths, kind="stable")]
            found = [pool[i : i + size] for i in range(0, len(pool), size)]
            for place in dice.permutation(len(found)):
                yield found[place]


def collate(moments: Moments, lesson: Lesson, which: Indices) -> Batch:
    prompts = [moments.prompt(int(i)) for i in which]
    longest = max(map(len, prompts))
    lines = int(np.diff(moments.starts)[which].max())
    tokens = torch.zeros(len(which), longest, dtype=torch.long)
    target = torch.zeros(len(which), min(lines, len(LABELS)))
    there = torch.zeros(target.shape, dtype=torch.bool)
    for row, (i, prompt) in enumerate(zip(which, prompts, strict=True)):
        tokens[row, : len(prompt)] = torch.from_numpy(np.asarray(prompt, dtype=np.int64))
        menu = lesson.target[moments.menu(int(i))]
        target[row, : len(menu)] = torch.from_numpy(menu)
        there[row, : len(menu)] = True
    asked = torch.tensor([len(prompt) - 1 for prompt in prompts])
    return Batch(
        tokens,
        asked,
        target,
        there,
        torch.from_numpy(lesson.weight[which]),
        torch.from_numpy(lesson.sign[which]),
        torch.from_numpy(lesson.bends[which]),
    )
