"""Teaches a small policy to read news, and to choose as before.

The objective is (mean under softmax − realised return)², both as shares of the span: it is smallest
for whoever expects the true mean. What keeps its choices as they were: `finetune/keeping.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from finetune.keeping import Kept, matrices
from finetune.muon import Muon
from finetune.news import News
from finetune.policy import Policy
from finetune.questions import means, padded, prompts
from finetune.situations import Example

BLANK: Final = 0
"""A byte that no text holds."""


@dataclass(frozen=True, slots=True)
class Schooling:
    """How to train."""

    seed: int = 0
    texts: int = 60_000
    """So many are read at most, most of them more than once,"""
    again: int = 24
    """and none more often than this."""
    batch: int = 128
    blank: float = 0.15
    """The share of a text's words that are left out, so that none is learnt by heart."""
    decay: float = 0.003
    """What matrices lose at each step of what they have more than the parent's."""
    matrix_lr: float = 0.015
    word_lr: float = 0.004
    warmup: int = 40
    menus: int = 8
    """Chosen from beside each batch."""
    kl: float = 20.0
    """Weight of choosing otherwise than the parent."""
    spared: float = 0.999
    """Of what choices are made of, so much is left as it is."""
    threads: int = 1


class Progress(NamedTuple):
    """Running means."""

    step: int
    steps: int
    miss: float
    """Squared, as a share of the span."""
    apart: float
    """Divergence from the parent's choices, in nats."""
    seconds: float


def school(
    parent: Policy,
    news: Sequence[News],
    choices: Sequence[Example],
    how: Schooling,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Policy:
    """The child; its parent stays as it was."""
    torch.manual_seed(how.seed)
    torch.set_num_threads(how.threads)
    torch.use_deterministic_algorithms(mode=True)
    child, kept = copy.deepcopy(parent).train(), Kept(parent, choices, how.spared)
    texts, returns = prompts(news), torch.tensor([each.realised for each in news])
    optimizers = _optimizers(child, how)
    steps = max(1, min(how.texts, how.again * len(news)) // how.batch)
    dice = np.random.default_rng(how.seed)
    read, chosen = _cuts(len(texts), how.batch, dice), _cuts(len(choices), how.menus, dice)
    began, miss, apart = perf_counter(), 0.0, 0.0
    for step, which, menus in zip(range(steps), read, chosen, strict=False):
        missed = _missed(child, [texts[i] for i in which], returns[which], how.blank)
        otherwise = kept.price(child, menus)
        whole = missed + how.kl * otherwise
        child.zero_grad()
        whole.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        kept.spare(child)
        torch.nn.utils.clip_grad_norm_(child.parameters(), 1.0)
        rate = min(1.0, (step + 1) / min(how.warmup, steps / 4), (steps - step) / (0.6 * steps))
        kept.draw_back(child, how.decay * rate)
        _step(optimizers, rate)
        here = (missed.item(), otherwise.item())
        if not all(map(isfinite, here)):
            raise FloatingPointError(f"the loss is {here} at step {step + 1}")
        miss += (here[0] - miss) * (0.03 if step else 1)
        apart += (here[1] - apart) * (0.03 if step else 1)
        tell(Progress(step + 1, steps, miss, apart, perf_counter() - began))
    return child.eval()


def _missed(child: Policy, texts: Sequence[Sequence[int]], returns: Tensor, blank: float) -> Tensor:
    """The mean square; some words are left out, the question around them never is."""
    tokens, asked = padded(texts)
    place = torch.arange(tokens.shape[1])
    inside = (place > 0) & (place < asked[:, None])
    told = tokens.masked_fill(inside & (torch.rand(tokens.shape) < blank), BLANK)
    mean: Tensor = ((means(child, told, asked) - returns) ** 2).mean()
    return mean


def _optimizers(child: Policy, how: Schooling) -> list[torch.optim.Optimizer]:
    """Norms stay as they are."""
    words = [child.table.weight]
    return [
        Muon([part.weight for part in matrices(child)], lr=how.matrix_lr),
        torch.optim.AdamW(words, lr=how.word_lr, betas=(0.9, 0.98), weight_decay=0),
    ]


def _cuts(count: int, size: int, dice: np.random.Generator) -> Iterator[list[int]]:
    """Indices without end, each once before any comes again."""
    while True:
        order = dice.permutation(count)
        for at in range(0, max(1, count - size + 1), size):
            yield order[at : at + size].tolist()


def _step(optimizers: Sequence[torch.optim.Optimizer], rate: float) -> None:
    """At a part of the full rates."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("full", group["lr"]) * rate
        optimizer.step()
