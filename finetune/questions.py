"""What a network is asked while it learns to read: what texts mean, and which lines it likes.

Both are answered at the labels A–Z of the last token. What is expected of a text is the mean of
what the labels stand for, with the very values that a life reads with (`strategies/reading.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from compute.scoring import LABELS
from finetune.news import News
from finetune.parity import FIRST_LABEL
from finetune.policy import Policy
from finetune.situations import Example
from finetune.vocab import Tokenizer
from strategies.reading import VALUES, prompt_for

NEVER: Final = -1e9


class Menus(NamedTuple):
    """Prompts to choose from, padded on the right, and what the parent thinks of each line."""

    tokens: Tensor
    asked: Tensor
    there: Tensor
    shares: Tensor


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
