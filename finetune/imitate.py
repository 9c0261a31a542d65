"""Generation 0: learn to choose as the reflex does, from words alone.

The target is softmax(score / T) over the menu; nothing but the chosen label's token is learned.
Each prompt teaches several times: after every line the model chooses among the lines so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from time import perf_counter
from typing import Final, NamedTuple

import torch
from torch import Tensor

from compute.scoring import LABELS
from finetune.muon import Muon
from finetune.parity import FIRST_LABEL
from finetune.policy import Policy, Shape
from finetune.situations import Example, examples
from finetune.sizes import order

NEWLINE: Final = ord("\n")
NEVER: Final = -1e9
POOL: Final = 32
"""Batches are cut from so many at a time, sorted by length, to pad little."""


@dataclass(frozen=True, slots=True)
class Course:
    """How to train; the defaults make the model that ships."""

    seed: int = 0
    steps: int = 800
    batch: int = 64
    temperature: float = 1.0
    matrix_lr: float = 0.02
    table_lr: float = 2e-3
    warmup: int = 60
    cooldown: float = 0.7
    """The share of steps over which the rates fall to nothing."""
    threads: int = 1
    """More are faster only on an idle machine; another number gives other last bits."""


class Batch(NamedTuple):
    """Padded on the right: what to read, where to choose, the reflex's scores, and their weight."""

    tokens: Tensor
    asked: Tensor
    scores: Tensor
    weight: Tensor


class Progress(NamedTuple):
    """Where training stands; divergence from the reflex is a running mean in nats."""

    step: int
    divergence: float
    seconds: float


def train(course: Course, report: Callable[[Progress], None]) -> Policy:
    torch.manual_seed(course.seed)
    torch.set_num_threads(course.threads)
    torch.use_deterministic_algorithms(mode=True)
    policy = Policy(Shape())
    order(policy, course.seed)
    optimizers = _optimizers(policy, course)
    began, mean = perf_counter(), 0.0
    for step, batch in enumerate(islice(_batches(course), course.steps)):
        _set_rates(optimizers, course, step)
        loss = divergence(policy, batch, course.temperature)
        policy.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        mean += (loss.item() - mean) * (0.02 if step else 1)
        report(Progress(step + 1, mean, perf_counter() - began))
    return policy.eval()


def divergence(policy: Policy, batch: Batch, temperature: float) -> Tensor:
    """How far the policy is from the reflex, in nats, weighted over all choices asked for."""
    target = (batch.scores / temperature).log_softmax(-1)
    logits = policy(batch.tokens, batch.asked)[..., FIRST_LABEL : FIRST_LABEL + len(LABELS)]
    chosen = logits.masked_fill(batch.scores <= NEVER, NEVER).log_softmax(-1)
    apart = (target.exp() * (target - chosen)).sum(-1)
    mean: Tensor = (apart * batch.weight).sum() / batch.weight.sum()
    return mean


def collate(rows: Sequence[Example]) -> Batch:
    """The last choice of a prompt, over its whole menu, weighs as much as all before it."""
    lines = max(len(row.scores) for row in rows)
    length = max(len(row.tokens) for row in rows)
    tokens = torch.zeros(len(rows), length, dtype=torch.long)
    asked = torch.zeros(len(rows), lines - 1, dtype=torch.long)
    scores = torch.full((len(rows), lines - 1, len(LABELS)), NEVER)
    weight = torch.zeros(len(rows), lines - 1)
    scores[..., 0] = 0.0
    for i, row in enumerate(rows):
        ends = _ends(row)
        tokens[i, : len(row.tokens)] = torch.tensor(row.tokens)
        asked[i, : len(ends)] = torch.tensor(ends)
        weight[i, : len(ends)] = 1 / len(ends)
        weight[i, len(ends) - 1] += 1
        for k in range(len(ends)):
            scores[i, k, : k + 2] = torch.tensor(row.scores[: k + 2])
    return Batch(tokens, asked, scores, weight)


def _ends(row: Example) -> list[int]:
    """Where a menu of two or more lines has just been read."""
    breaks = [at for at, token in enumerate(row.tokens) if token == NEWLINE]
    return [*breaks[2:], len(row.tokens) - 1]


def _batches(course: Course) -> Iterator[Batch]:
    source, dice = examples(course.seed + 1), Random(course.seed)
    while True:
        pool = sorted(islice(source, POOL * course.batch), key=lambda row: len(row.tokens))
        starts = list(range(0, len(pool), course.batch))
        dice.shuffle(starts)
        for start in starts:
            yield collate(pool[start : start + course.batch])


def _optimizers(policy: Policy, course: Course) -> list[torch.optim.Optimizer]:
    matrices = [weight for weight in policy.layers.parameters() if weight.dim() == 2]
    others = [policy.table.weight, *(w for w in policy.parameters() if w.dim() == 1)]
    return [
        Muon(matrices, lr=course.matrix_lr),
        torch.optim.AdamW(others, lr=course.table_lr, betas=(0.9, 0.98), weight_decay=0),
    ]


def _set_rates(optimizers: Sequence[torch.optim.Optimizer], course: Course, step: int) -> None:
    """Up, level, and down to nothing."""
    rise = (step + 1) / course.warmup
    fall = (course.steps - step) / (course.steps * course.cooldown)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("full", group["lr"]) * min(1.0, rise, fall)
