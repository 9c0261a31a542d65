"""Momentum whose every step turns a matrix equally far in all its directions.

Small transformers learn from about half the examples with it. Vectors and tables take Adam instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor

ROUNDS: Final = 5
QUINTIC: Final = (3.4445, -4.7750, 2.0315)
"""Coefficients that bring all singular values near one in few rounds."""


class Muon(torch.optim.Optimizer):
    """For matrices only."""

    def __init__(self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # ours take none
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if (gradient := weight.grad) is not None:
                    mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                    mean.lerp_(gradient, 1 - group["momentum"])
                    way = orthogonal(gradient.lerp(mean, group["momentum"]))
                    tall = max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
                    weight.add_(way, alpha=-group["lr"] * tall)


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix that stretches nothing, roughly, by Newton–Schulz."""
    flat = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x: Tensor = flat / (flat.norm() + 1e-7)
    a, b, c = QUINTIC
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T
