"""Whether the exported model is the trained one: the same prompts through torch and llama.cpp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from compute.llama import Llama
from compute.scoring import LABELS
from finetune.policy import Policy
from finetune.situations import Example

MOST_TV: Final = 0.02
LEAST_AGREEMENT: Final = 0.99
"""For Q8_0; coarser quantization is held to less."""

FIRST_LABEL: Final = ord("A")
Judge = Callable[[Example], Tensor]
"""Probabilities over an example's menu."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two policies are apart over some prompts."""

    tv: float
    """Mean total variation."""
    worst: float
    agreement: float
    """The share of prompts for which both like the same line best."""

    @property
    def holds(self) -> bool:
        return self.tv <= MOST_TV and self.agreement >= LEAST_AGREEMENT


def compare(examples: Sequence[Example], left: Judge, right: Judge) -> Parity:
    pairs = [(left(example), right(example)) for example in examples]
    apart = [float((p - q).abs().sum()) / 2 for p, q in pairs]
    agreed = sum(int(p.argmax() == q.argmax()) for p, q in pairs)
    return Parity(sum(apart) / len(apart), max(apart), agreed / len(pairs))


def by_torch(policy: Policy) -> Judge:
    @torch.inference_mode()
    def judge(example: Example) -> Tensor:
        tokens = torch.tensor([example.tokens])
        logits = policy(tokens, torch.tensor([[len(example.tokens) - 1]]))[0, 0]
        menu: Tensor = logits[FIRST_LABEL : FIRST_LABEL + len(example.scores)]
        return menu.softmax(0)

    return judge


def by_llama(llama: Llama) -> Judge:
    def judge(example: Example) -> Tensor:
        logits = llama.forward(example.tokens)
        labels = LABELS[: len(example.scores)]
        return torch.tensor([logits[llama.labels[label]] for label in labels]).softmax(0)

    return judge


def by_reflex(example: Example) -> Tensor:
    return torch.tensor(example.scores).softmax(0)
