"""Teaches a policy its lesson: the next generation from its parent, token by token of nothing else.

Loss is on the label's token alone: −weight · Σ target · ln π, and for KTO its own; beside it, on a
share of every batch, how far the child is from its parent. A run is repeatable: the same inputs and
seed give the same file, on one thread.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from compute.scoring import LABELS
from finetune.moments import Moments
from finetune.muon import Muon
from finetune.objective import Lesson
from finetune.parity import FIRST_LABEL
from finetune.policy import Policy

NEVER: Final = -1e9
POOL: Final = 24


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
    threads: int = 1


class Batch(NamedTuple):
    """Padded on the right."""

    tokens: Tensor
    asked: Tensor
    target: Tensor
    there: Tensor
    weight: Tensor
    sign: Tensor


class Progress(NamedTuple):
    step: int
    steps: int
    loss: float
    apart: float
    """Mean divergence from the parent, in nats."""
    seconds: float


def improve(
    parent: Policy,
    moments: Moments,
    lesson: Lesson,
    how: Improving,
    tell: Callable[[Progress], None] = lambda _: None,
    *,
    kto: bool = False,
) -> Policy:
    """The child; its parent stays as it was."""
    torch.manual_seed(how.seed)
    torch.set_num_threads(how.threads)
    torch.use_deterministic_algorithms(mode=True)
    child = copy.deepcopy(parent).train()
    parent = parent.eval()
    matrices = [weight for weight in child.layers.parameters() if weight.dim() == 2]
    others = [child.table.weight, *(w for w in child.parameters() if w.dim() == 1)]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=how.matrix_lr),
        torch.optim.AdamW(others, lr=how.table_lr, betas=(0.9, 0.98), weight_decay=0),
    ]
    steps = max(1, how.moments // how.batch)
    began, mean, apart = perf_counter(), 0.0, 0.0
    for step, batch in zip(range(steps), _batches(moments, lesson, how), strict=False):
        rate = min(1.0, (step + 1) / how.warmup, (steps - step) / (0.6 * steps))
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("full", group["lr"]) * rate
        with torch.no_grad():
            before = chosen(parent, batch)
        after = chosen(child, batch)
        divergence = _divergence(before, after, batch)
        loss = (_kto(before, after, batch) if kto else _cross(after, batch)) + (
            how.kl * divergence.mean()
        )
        child.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        torch.nn.utils.clip_grad_norm_(child.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step + 1}")
        mean += (loss.item() - mean) * (0.03 if step else 1)
        apart += (divergence.mean().item() - apart) * (0.03 if step else 1)
        tell(Progress(step + 1, steps, mean, apart, perf_counter() - began))
    return child.eval()


def chosen(policy: Policy, batch: Batch) -> Tensor:
    """Log-probabilities over each menu."""
    logits: Tensor = policy(batch.tokens, batch.asked[:, None])[:, 0]
    menu = logits[:, FIRST_LABEL : FIRST_LABEL + batch.target.shape[1]]
    return menu.masked_fill(~batch.there, NEVER).log_softmax(-1)


def _cross(after: Tensor, batch: Batch) -> Tensor:
    mean: Tensor = (-(batch.target * after).sum(-1) * batch.weight).mean()
    return mean


def _kto(before: Tensor, after: Tensor, batch: Batch) -> Tensor:
    """Kahneman–Tversky: gains over the reference please less and less, losses hurt the same way."""
    ratio = ((after - before) * batch.target).sum(-1)
    reference = _divergence(before, after, batch).mean().detach()
    value = torch.sigmoid(batch.sign * (ratio - reference))
    mean: Tensor = ((1 - value) * batch.weight).mean()
    return mean


def _divergence(before: Tensor, after: Tensor, batch: Batch) -> Tensor:
    apart = before.exp() * (before - after)
    return apart.masked_fill(~batch.there, 0.0).sum(-1)


def _batches(moments: Moments, lesson: Lesson, how: Improving) -> Iterator[Batch]:
    """Moments whose weight is nothing are not read; the rest by length, to pad little."""
    dice = np.random.default_rng(how.seed)
    useful = np.flatnonzero((lesson.weight > 0) & (np.diff(moments.starts) > 1))
    if not len(useful):
        raise ValueError("there is nothing to learn from")
    while True:
        order = dice.permutation(useful)
        for at in range(0, len(order), POOL * how.batch):
            pool = order[at : at + POOL * how.batch]
            lengths = moments.token_starts[pool + 1] - moments.token_starts[pool]
            pool = pool[np.argsort(lengths, kind="stable")]
            cuts = [pool[i : i + how.batch] for i in range(0, len(pool), how.batch)]
            for place in dice.permutation(len(cuts)):
                yield collate(moments, lesson, cuts[place])


def collate(moments: Moments, lesson: Lesson, which: np.ndarray[Any, Any]) -> Batch:
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
    )
