"""A small llama in plain torch: the network that is trained here and run by llama.cpp.

Few positions are ever asked, so the last layer computes nothing else. Queries and keys are
rotated in neighbouring pairs, as llama.cpp does for a llama, so weights export as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention, silu


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths in multiples of 256, so that every way of quantizing fits."""

    vocab: int = 1152
    width: int = 256
    inner: int = 768
    layers: int = 2
    heads: int = 8
    rope_base: float = 10_000.0
    eps: float = 1e-5
    context: int = 512


class Policy(nn.Module):
    """Tokens in, logits over the vocabulary out where asked; the embedding is the head too."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.table = nn.Embedding(shape.vocab, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, shape.eps)
        self.turns: Tensor
        self.register_buffer("turns", _turns(shape), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:  # added to the stream: quiet at first
                quiet = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 if quiet else shape.width**-0.5)

    def forward(self, tokens: Tensor, asked: Tensor) -> Tensor:
        """Rows of tokens padded on the right, and positions asked in each: logits for these."""
        x = self.table(tokens)
        *layers, last = (cast("Layer", layer) for layer in self.layers)
        for layer in layers:
            x = layer(x, self.turns)
        x = last.at(x, self.turns, asked)
        return linear(self.norm(x), self.table.weight)


class Layer(nn.Module):
    """Attention, then a gated feed-forward, each added to the stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.before = nn.RMSNorm(shape.width, shape.eps)
        self.query = nn.Linear(shape.width, shape.width, bias=False)
        self.key = nn.Linear(shape.width, shape.width, bias=False)
        self.value = nn.Linear(shape.width, shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.between = nn.RMSNorm(shape.width, shape.eps)
        self.gate = nn.Linear(shape.width, shape.inner, bias=False)
        self.up = nn.Linear(shape.width, shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        """All positions, each seeing those before it."""
        h = self.before(x)
        turn = turns[: x.shape[1]]
        q, k, v = (self._split(part(h)) for part in (self.query, self.key, self.value))
        seen = scaled_dot_product_attention(_turn(q, turn), _turn(k, turn), v, is_causal=True)
        return self._feed(x + self.out(_join(seen)))

    def at(self, x: Tensor, turns: Tensor, asked: Tensor) -> Tensor:
        """Some positions of each row."""
        rows = torch.arange(x.shape[0], device=x.device)[:, None]
        h = self.before(x)
        q, k, v = self._split(self.query(h[rows, asked])), self.key(h), self.value(h)
        k = _turn(self._split(k), turns[: x.shape[1]])
        near = torch.arange(x.shape[1], device=x.device) <= asked[..., None]
        seen = scaled_dot_product_attention(
            _turn(q, turns[asked][:, None]), k, self._split(v), attn_mask=near[:, None]
        )
        return self._feed(x[rows, asked] + self.out(_join(seen)))

    def _feed(self, x: Tensor) -> Tensor:
        h = self.between(x)
        fed: Tensor = x + self.down(silu(self.gate(h)) * self.up(h))
        return fed

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)


def _join(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(-2)


def _turns(shape: Shape) -> Tensor:
    """Cosine and sine for each position and pair."""
    half = shape.width // shape.heads // 2
    speeds = shape.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(shape.context, dtype=torch.float64)[:, None] * speeds
    return torch.stack((angles.cos(), angles.sin()), -1).float()


def _turn(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate neighbouring pairs by their position's angle."""
    a, b = x.view(*x.shape[:-1], -1, 2).unbind(-1)
    cos, sin = turns.unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
