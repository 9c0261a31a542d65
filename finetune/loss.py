"""The one loss, for every kind of model and however training was launched. Pure.

It sees nothing but the logits of a menu's labels, the child's and its parent's, and what is to be
learnt: −weight · Σ target · ln π, or KTO's own, and a small price on leaving the parent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

NEVER: Final = -1e9
TINY: Final = 1e-9


class Batch(NamedTuple):
    """Padded on the right."""

    tokens: Tensor
    asked: Tensor
    target: Tensor
    there: Tensor
    weight: Tensor
    sign: Tensor
    bends: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(part.to(device) for part in self))


class Loss(NamedTuple):
    """Means over the batch's moments."""

    all: Tensor
    apart: Tensor
    """Divergence from the parent, in nats."""


def loss(
    after: Tensor,
    before: Tensor,
    batch: Batch,
    kl: float,
    *,
    kto: bool = False,
    everywhere: Callable[[Tensor], Tensor] = lambda mean: mean,
) -> Loss:
    """`everywhere` turns a mean over these moments into one over all that are learnt at once."""
    after, before = _shares(after, batch), _shares(before, batch)
    divergence = _divergence(before, after, batch)
    if kto:
        reference = everywhere(divergence.mean().detach())
        taught = _kto(before, after, batch, reference)
    else:
        taught = _cross(before, after, batch)
    apart = divergence.mean()
    return Loss(taught + kl * apart, apart)


def _shares(logits: Tensor, batch: Batch) -> Tensor:
    """Log-probabilities over each menu."""
    return logits.masked_fill(~batch.there, NEVER).log_softmax(-1)


def _cross(before: Tensor, after: Tensor, batch: Batch) -> Tensor:
    bent = batch.target * before.exp()
    bent = bent / bent.sum(-1, keepdim=True).clamp_min(TINY)
    target = torch.where(batch.bends[:, None] > 0, bent, batch.target)
    mean: Tensor = (-(target * after).sum(-1) * batch.weight).mean()
    return mean


def _kto(before: Tensor, after: Tensor, batch: Batch, reference: Tensor) -> Tensor:
    """Kahneman–Tversky: gains over the reference please less and less, losses hurt the same way."""
    ratio = ((after - before) * batch.target).sum(-1)
    value = torch.sigmoid(batch.sign * (ratio - reference))
    mean: Tensor = ((1 - value) * batch.weight).mean()
    return mean


def _divergence(before: Tensor, after: Tensor, batch: Batch) -> Tensor:
    apart = before.exp() * (before - after)
    return apart.masked_fill(~batch.there, 0.0).sum(-1)
