"""Teaches a small policy to read news, and to choose as before.

The objective is (mean under softmax − realised return)², both as shares of the span: it is smallest
for whoever expects the true mean. Choosing is kept in three ways: beside every batch of texts some
menus are chosen from, at a price in nats on choosing otherwise than the parent; of the vocabulary
only words move that no choice is made of; and matrices are drawn back to the parent's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from finetune.muon import Muon
from finetune.news import News
from finetune.policy import Policy
from finetune.questions import divergence, means, of_parent, padded, prompts
from finetune.situations import Example

BLANK: Final = 0
"""A byte that no text holds."""


@dataclass(frozen=True, slots=True)
class Schooling:
    """How to train."""

    seed: int = 0
    texts: int = 60_000
    """So many are read, most of them more than once."""
    batch: int = 128
    blank: float = 0.1
    """The share of a text's words that are left out, so that none is learnt by heart."""
    decay: float = 0.003
    """What matrices lose at each step of what they have more than the parent's."""
    matrix_lr: float = 0.006
    table_lr: float = 6e-4
    warmup: int = 40
    menus: int = 8
    """Beside each batch."""
    kl: float = 3.0
    """Weight of choosing otherwise than the parent."""
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
    child = copy.deepcopy(parent).train()
    matrices = _matrices(child)
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=how.matrix_lr),
        torch.optim.AdamW([child.table.weight], lr=how.table_lr, betas=(0.9, 0.98), weight_decay=0),
    ]
    texts, returns = prompts(news), torch.tensor([each.realised for each in news])
    steps = max(1, how.texts // how.batch)
    dice = np.random.default_rng(how.seed)
    read, chosen = _cuts(len(texts), how.batch, dice), _cuts(len(choices), how.menus, dice)
    own = _own(child.shape.vocab, texts, choices)
    began, miss, apart = perf_counter(), 0.0, 0.0
    for step in range(steps):
        which = next(read)
        rate = min(1.0, (step + 1) / how.warmup, (steps - step) / (0.6 * steps))
        tokens, asked = padded([texts[i] for i in which])
        said = means(child, _blanked(tokens, asked, how.blank), asked)
        missed = ((said - returns[which]) ** 2).mean()
        menus = of_parent(parent, [choices[i] for i in next(chosen)]) if choices else None
        otherwise = divergence(child, menus) if menus else torch.zeros(())
        whole = missed + how.kl * otherwise
        child.zero_grad()
        whole.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        _keep(child, own)
        torch.nn.utils.clip_grad_norm_(child.parameters(), 1.0)
        _step(optimizers, zip(matrices, _matrices(parent), strict=True), rate, how.decay)
        here = (missed.item(), otherwise.item())
        if not all(map(isfinite, here)):
            raise FloatingPointError(f"the loss is {here} at step {step + 1}")
        miss += (here[0] - miss) * (0.03 if step else 1)
        apart += (here[1] - apart) * (0.03 if step else 1)
        tell(Progress(step + 1, steps, miss, apart, perf_counter() - began))
    return child.eval()


def _own(vocab: int, texts: Sequence[Sequence[int]], choices: Sequence[Example]) -> Tensor:
    """One for each word that only reading uses."""
    used = {token for text in texts for token in text}
    used -= {token for each in choices for token in each.tokens}
    own = torch.zeros(vocab, 1)
    own[sorted({BLANK, *used})] = 1
    return own


def _keep(child: Policy, own: Tensor) -> None:
    """What has no gradient stays where it is."""
    if child.table.weight.grad is not None:
        child.table.weight.grad.mul_(own)


def _matrices(policy: Policy) -> list[torch.nn.Parameter]:
    return [weight for weight in policy.layers.parameters() if weight.dim() == 2]


def _blanked(tokens: Tensor, asked: Tensor, share: float) -> Tensor:
    """Some words left out; the question around them never is."""
    place = torch.arange(tokens.shape[1])
    inside = (place > 0) & (place < asked[:, None])
    return tokens.masked_fill(inside & (torch.rand(tokens.shape) < share), BLANK)


def _cuts(count: int, size: int, dice: np.random.Generator) -> Iterator[np.ndarray[Any, Any]]:
    """Indices without end, each once before any comes again."""
    while True:
        order = dice.permutation(count)
        for at in range(0, max(1, count - size + 1), size):
            yield order[at : at + size]


def _step(
    optimizers: Sequence[torch.optim.Optimizer],
    matrices: Iterable[tuple[Tensor, Tensor]],
    rate: float,
    decay: float,
) -> None:
    """At a part of the full rates."""
    with torch.no_grad():
        for ours, parents in matrices:
            ours.lerp_(parents, decay * rate)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("full", group["lr"]) * rate
        optimizer.step()
