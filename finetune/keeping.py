"""What a child keeps of its parent's choices while it learns something else.

- Of the vocabulary only words move that no menu is written in; labels never do.
- Each matrix of a network answers to what comes in. What comes in while menus are read lies mostly
  in a few directions of so many; a matrix that learns in all the others leaves choices alone.
- What is still noticed has a price: menus are chosen from beside every lesson, and the divergence
  from the parent, in nats, counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn

from compute.scoring import LABELS
from finetune.parity import FIRST_LABEL
from finetune.policy import Policy
from finetune.questions import divergence, of_parent, padded
from finetune.situations import Example

STRIDE: Final = 8
"""One of so many choices says enough of what they are made of."""
AT_A_TIME: Final = 32


class Kept:
    """A parent's choices; `share` is how much of what they are made of is left untouched."""

    def __init__(self, parent: Policy, choices: Sequence[Example], share: float) -> None:
        self._parent = parent
        self._choices = choices
        self._ways = directions(parent, choices[::STRIDE], share)
        words = {token for each in choices for token in each.tokens}
        self._words = sorted(words | set(range(FIRST_LABEL, FIRST_LABEL + len(LABELS))))

    def price(self, child: Policy, which: Sequence[int]) -> Tensor:
        """How far the child is from its parent over some menus."""
        return divergence(child, of_parent(self._parent, [self._choices[i] for i in which]))

    def spare(self, child: Policy) -> None:
        """Take from every gradient what choices are made of."""
        if child.table.weight.grad is not None:
            child.table.weight.grad[self._words] = 0
        for part, ways in zip(matrices(child), self._ways, strict=True):
            if part.weight.grad is not None:
                part.weight.grad.sub_((part.weight.grad @ ways) @ ways.T)

    @torch.no_grad()
    def draw_back(self, child: Policy, share: float) -> None:
        """Take from every matrix a share of what it has more than the parent's."""
        for ours, theirs in zip(matrices(child), matrices(self._parent), strict=True):
            ours.weight.lerp_(theirs.weight, share)


def matrices(policy: Policy) -> list[nn.Linear]:
    """All that a layer multiplies by, in order."""
    return [part for part in policy.layers.modules() if isinstance(part, nn.Linear)]


@torch.no_grad()
def directions(policy: Policy, choices: Sequence[Example], share: float) -> list[Tensor]:
    """For each matrix the fewest directions that hold this share of what comes in."""
    parts = matrices(policy)
    sums = [torch.zeros(part.in_features, part.in_features) for part in parts]
    read = torch.zeros(0)

    def adding(into: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def add(_part: nn.Module, came: tuple[Tensor, ...]) -> None:
            [x] = came
            x = x[read] if x.shape[:2] == read.shape else x.flatten(0, -2)
            into.add_(x.T @ x)

        return add

    hooks = [part.register_forward_pre_hook(adding(s)) for part, s in zip(parts, sums, strict=True)]
    for at in range(0, len(choices), AT_A_TIME):
        tokens, asked = padded([each.tokens for each in choices[at : at + AT_A_TIME]])
        read = torch.arange(tokens.shape[1]) <= asked[:, None]
        policy(tokens, asked[:, None])
    for hook in hooks:
        hook.remove()
    return [_main(each, share) for each in sums]


def _main(square: Tensor, share: float) -> Tensor:
    """Largest first, until they hold so much."""
    strength, ways = torch.linalg.eigh(square)
    held = strength.flip(0).clamp(min=0).cumsum(0) / strength.sum()
    found: Tensor = ways.flip(1)[:, : int((held < share).sum()) + 1]
    return found
