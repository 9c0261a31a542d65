"""Teaches a small policy to read news, and to choose as before.

The objective is (mean under softmax − realised return)², both as shares of the span: it is smallest
for whoever expects the true mean, and a life reads with the very same lines (`strategies/reading`).
Beside every batch of texts some menus are chosen from as the parent would: a price in nats on
choosing otherwise.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from compute.scoring import LABELS
from finetune.muon import Muon
from finetune.news import News
from finetune.parity import FIRST_LABEL
from finetune.policy import Policy
from finetune.situations import Example
from finetune.vocab import Tokenizer
from strategies.reading import VALUES, prompt_for

BLANK: Final = 0
"""A byte that no text holds."""
NEVER: Final = -1e9


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
    """What matrices lose at each step, so that they hold no more than they need."""
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


class Menus(NamedTuple):
    """Prompts to choose from, padded on the right, and what the parent thinks of each line."""

    tokens: Tensor
    asked: Tensor
    there: Tensor
    shares: Tensor


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
    matrices = [weight for weight in child.layers.parameters() if weight.dim() == 2]
    others = [child.table.weight, *(w for w in child.parameters() if w.dim() == 1)]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=how.matrix_lr),
        torch.optim.AdamW(others, lr=how.table_lr, betas=(0.9, 0.98), weight_decay=0),
    ]
    texts, returns = prompts(news), torch.tensor([each.realised for each in news])
    steps = max(1, how.texts // how.batch)
    dice = np.random.default_rng(how.seed)
    read, chosen = _cuts(len(texts), how.batch, dice), _cuts(len(choices), how.menus, dice)
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
        torch.nn.utils.clip_grad_norm_(child.parameters(), 1.0)
        _step(optimizers, matrices, rate, how.decay)
        here = (missed.item(), otherwise.item())
        if not all(map(isfinite, here)):
            raise FloatingPointError(f"the loss is {here} at step {step + 1}")
        miss += (here[0] - miss) * (0.03 if step else 1)
        apart += (here[1] - apart) * (0.03 if step else 1)
        tell(Progress(step + 1, steps, miss, apart, perf_counter() - began))
    return child.eval()


def prompts(news: Sequence[News]) -> list[list[int]]:
    """The whole question for each text, in tokens."""
    encode = Tokenizer().encode
    return [encode(prompt_for(each.text.encode())) for each in news]


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """On the right; and where each ends."""
    tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for at, row in enumerate(rows):
        tokens[at, : len(row)] = torch.tensor(row)
    return tokens, torch.tensor([len(row) - 1 for row in rows])


def means(policy: Policy, tokens: Tensor, asked: Tensor) -> Tensor:
    """What is expected of each text, as a share of the span."""
    shares = _labels(policy, tokens, asked, len(LABELS)).softmax(-1)
    found: Tensor = shares @ torch.tensor(VALUES)
    return found


@torch.no_grad()
def of_parent(parent: Policy, choices: Sequence[Example]) -> Menus:
    """What is to be kept."""
    tokens, asked = padded([each.tokens for each in choices])
    lines = torch.tensor([len(each.scores) for each in choices])
    there = torch.arange(int(lines.max())) < lines[:, None]
    logits = _labels(parent, tokens, asked, there.shape[1]).masked_fill(~there, NEVER)
    return Menus(tokens, asked, there, logits.log_softmax(-1))


def divergence(child: Policy, menus: Menus) -> Tensor:
    """Of the child's choices from its parent's, in nats."""
    logits = _labels(child, menus.tokens, menus.asked, menus.there.shape[1])
    shares = logits.masked_fill(~menus.there, NEVER).log_softmax(-1)
    apart = menus.shares.exp() * (menus.shares - shares)
    found: Tensor = apart.masked_fill(~menus.there, 0.0).sum(-1).mean()
    return found


def _labels(policy: Policy, tokens: Tensor, asked: Tensor, count: int) -> Tensor:
    logits: Tensor = policy(tokens, asked[:, None])[:, 0, FIRST_LABEL : FIRST_LABEL + count]
    return logits


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
    matrices: Sequence[Tensor],
    rate: float,
    decay: float,
) -> None:
    """At a part of the full rates."""
    with torch.no_grad():
        for weight in matrices:
            weight.mul_(1 - decay * rate)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("full", group["lr"]) * rate
        optimizer.step()
