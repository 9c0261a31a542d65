"""Words for sizes lie on a line: neighbours begin alike and learn together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import pi
from typing import Final

import torch
from torch import Tensor

from finetune.policy import Policy
from finetune.vocab import entries, scale_words

WAVES: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Cycles over the longest scale."""
LONGEST: Final = 145
NEIGHBOURHOOD: Final = 3.0
"""Steps over which what is learned about one size is shared."""


def order(policy: Policy, seed: int) -> None:
    """Start the words of each scale on one smooth curve, and smooth all that they learn."""
    width = policy.shape.width
    dice = torch.Generator().manual_seed(seed)
    curve = torch.randn(2 * len(WAVES) + 1, width, generator=dice)
    with torch.no_grad():
        for tokens in _scales().values():
            place = torch.arange(len(tokens)) / LONGEST
            turns = 2 * pi * torch.tensor(WAVES) * place[:, None]
            waves = torch.cat((turns.sin(), turns.cos(), 2 * place[:, None]), 1)
            own = torch.randn(width, generator=dice)
            start = 0.8 * waves @ curve / 10**0.5 + 0.6 * own
            policy.table.weight[torch.tensor(tokens)] = start / width**0.5
    blur = _blur(policy.shape.vocab)
    hook = policy.table.weight.register_hook
    hook(lambda gradient: blur @ gradient)  # type: ignore[no-untyped-call]  # torch has no types here


def _blur(vocab: int) -> Tensor:
    """Leaves words alone; spreads what a size learns over those around it."""
    kernel = torch.eye(vocab)
    for tokens in _scales().values():
        place = torch.arange(len(tokens), dtype=torch.float32)
        near = (-0.5 * ((place[:, None] - place) / NEIGHBOURHOOD) ** 2).exp()
        rows = torch.tensor(tokens)
        kernel[rows[:, None], rows] = near / near.sum(1, keepdim=True)
    return kernel


def _scales() -> Mapping[str, list[int]]:
    tokens = {entry: token for token, entry in enumerate(entries())}
    scales: dict[str, list[int]] = defaultdict(list)
    for scale, _size, word in scale_words():
        scales[scale].append(tokens[word.encode()])
    return scales
