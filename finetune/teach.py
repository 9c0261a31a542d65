"""The one course, for every kind of model: batch by batch, alone or in a crew.

A student says what it answers and what its parent would, and which weights may change. Each process
of a crew reads its part; gradients are added up before the step, so all take the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor, nn

from finetune.batching import Indices, collate, cuts
from finetune.crew import CPU, Crew
from finetune.loss import Batch, loss
from finetune.moments import Moments
from finetune.objective import Lesson


@dataclass(frozen=True, slots=True)
class Improving:
    """How to train."""

    seed: int = 0
    moments: int = 40_000
    """So many are read, some of them more than once if there are fewer."""
    batch: int = 64
    matrix_lr: float = 0.006
    table_lr: float = 6e-4
    warmup: int = 40
    kl: float = 0.03
    """Weight of the distance to the parent."""
    surer: float = 3.0
    """In the end a small child's logits are so many times what was taught: it doubts less."""
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Tuning:
    """How much of a large model may change, and how fast."""

    rank: int = 16
    alpha: int = 32
    lr: float = 2e-4


class Progress(NamedTuple):
    step: int
    steps: int
    loss: float
    apart: float
    """Mean divergence from the parent, in nats."""
    seconds: float
    here: float
    """This step's own loss; `loss` and `apart` are running means."""


@dataclass(frozen=True)
class Student:
    """Logits over the labels of each menu, by the child and by its parent; what may change."""

    after: Callable[[Batch], Tensor]
    before: Callable[[Batch], Tensor]
    weights: Sequence[nn.Parameter]
    optimizers: Sequence[torch.optim.Optimizer]


def prepare(how: Improving, crew: Crew) -> None:
    """Before a child is made: the same seed, the same child."""
    torch.manual_seed(how.seed)
    torch.set_num_threads(how.threads)
    torch.use_deterministic_algorithms(mode=True, warn_only=crew.device != CPU)


def teach(
    student: Student,
    moments: Moments,
    lesson: Lesson,
    how: Improving,
    tell: Callable[[Progress], None],
    crew: Crew,
    *,
    kto: bool,
) -> None:
    """Every process of the crew must come here, with the same of everything."""
    steps = max(1, how.moments // how.batch)
    began, mean, apart = perf_counter(), 0.0, 0.0
    read = cuts(moments, lesson, how.seed, how.batch)
    for step, which in zip(range(steps), read, strict=False):
        _set_rates(student.optimizers, how, step, steps)
        here, divergence = _step(student, moments, lesson, how, which, crew, kto=kto)
        if not isfinite(here):
            raise FloatingPointError(f"the loss is {here} at step {step + 1}")
        mean += (here - mean) * (0.03 if step else 1)
        apart += (divergence - apart) * (0.03 if step else 1)
        tell(Progress(step + 1, steps, mean, apart, perf_counter() - began, here))


def _step(
    student: Student,
    moments: Moments,
    lesson: Lesson,
    how: Improving,
    which: Indices,
    crew: Crew,
    *,
    kto: bool,
) -> tuple[float, float]:
    """The whole batch's loss and divergence, whoever read how much of it."""
    mine, part = crew.share(which)
    batch = collate(moments, lesson, mine).to(crew.device)

    def everywhere(mean: Tensor) -> Tensor:
        total = mean * part
        crew.add([total])
        return total

    with torch.no_grad():
        before = student.before(batch)
    after = student.after(batch)
    found = loss(after, before, batch, how.kl, kto=kto, everywhere=everywhere)
    for weight in student.weights:
        weight.grad = None
    (found.all * part).backward()  # type: ignore[no-untyped-call]  # torch has no types here
    told = torch.stack((found.all, found.apart)).detach() * part
    crew.add([*(w.grad for w in student.weights if w.grad is not None), told])
    torch.nn.utils.clip_grad_norm_(student.weights, 1.0)
    for optimizer in student.optimizers:
        optimizer.step()
    here, divergence = told.tolist()
    return here, divergence


def _set_rates(
    optimizers: Sequence[torch.optim.Optimizer], how: Improving, step: int, steps: int
) -> None:
    """Up, level, and down to nothing."""
    rate = min(1.0, (step + 1) / how.warmup, (steps - step) / (0.6 * steps))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("full", group["lr"]) * rate
