"""Processes that train one child together: each reads a part of every batch.

Launchers differ in how they start processes, and tell them apart in the same way: by `RANK` and
`WORLD_SIZE`, or by a process group that stands already. A process that nobody launched is a crew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import numpy as np
import torch
from torch import Tensor, distributed

CPU: Final = torch.device("cpu")
PATIENCE: Final = timedelta(hours=12)
"""The others wait while the first learns a critic."""

T = TypeVar("T")
Indices = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Crew:
    """One's own place among those who train together."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this process prints and writes; all others only learn."""
        return self.rank == 0

    def share(self, which: Indices) -> tuple[Indices, float]:
        """One's part of a batch, and what its mean weighs in the mean of all.

        Who gets nothing reads something that weighs nothing: every process takes every step.
        """
        mine = which[self.rank :: self.size]
        return (mine, len(mine) / len(which)) if len(mine) else (which[:1], 0.0)

    def add(self, parts: Sequence[Tensor]) -> None:
        """Put the sum over all processes into each tensor, in one message."""
        if self.size == 1:
            return
        flat = torch.cat([part.flatten() for part in parts])
        distributed.all_reduce(flat)
        totals = torch.split(flat, [part.numel() for part in parts])
        for part, total in zip(parts, totals, strict=True):
            part.copy_(total.view_as(part))

    def hear(self, said: T | None = None) -> T | None:
        """What the first process says, which is waited for."""
        if self.size == 1:
            return said
        box = [said]
        distributed.broadcast_object_list(box, device=self.device)
        return box[0]


ALONE: Final = Crew()


@contextmanager
def crew() -> Iterator[Crew]:
    """Join whoever was launched with this process, and part when the work is done."""
    if distributed.is_initialized():
        yield _here()
    elif int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Crew(device=_device())
    else:
        device = _device()
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group(backend(), timeout=PATIENCE)
        try:
            yield _here()
        finally:
            distributed.destroy_process_group()


def backend() -> str:
    return "nccl" if torch.cuda.is_available() else "gloo"


def _here() -> Crew:
    return Crew(distributed.get_rank(), distributed.get_world_size(), _device())


def _device() -> torch.device:
    if not torch.cuda.is_available():
        return CPU
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
