"""Whether the exported model is the trained one: the same prompts through torch and llama.cpp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from compute.llama import Llama
from compute.scoring import LABELS
from finetune.moments import Moments
from finetune.policy import Policy
from finetune.situations import Example

MOST_TV: Final = 0.02
LEAST_AGREEMENT: Final = 0.99
"""For Q8_0; coarser quantization is held to less."""
FOUR_BITS: Final = (0.05, 0.97)
"""For Q4_K_M."""
CHECKED: Final = 300
"""Prompts on which an exported file is compared with the network."""

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
        return self.within(MOST_TV, LEAST_AGREEMENT)

    def within(self, most_tv: float, least_agreement: float) -> bool:
        return self.tv <= most_tv and self.agreement >= least_agreement


def sample(moments: Moments) -> list[Example]:
    """Prompts from beginning to end, of those that offer a choice."""
    which = np.linspace(0, len(moments) - 1, min(CHECKED, len(moments))).astype(int)
    sizes = np.diff(moments.starts)
    return [
        Example(list(map(int, moments.prompt(i))), [0.0] * int(sizes[i]))
        for i in which
        if sizes[i] > 1
    ]


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
