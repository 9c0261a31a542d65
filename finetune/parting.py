"""A part of the moments: those of some lives, chosen in the same way by every process."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from finetune.moments import Moments


def hash_of(text: str) -> int:
    """The same in every process, unlike `hash`."""
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


def part_of(moments: Moments, lives: np.ndarray[Any, Any]) -> Moments:
    """Only the moments of some lives."""
    keep = np.flatnonzero(lives[moments.life])
    at = np.full(len(moments) + 1, -1, dtype=np.int64)
    at[keep] = np.arange(len(keep))
    lines = np.concatenate([np.arange(moments.starts[i], moments.starts[i + 1]) for i in keep])
    tokens = np.concatenate(
        [np.arange(moments.token_starts[i], moments.token_starts[i + 1]) for i in keep]
    )
    numbers = np.cumsum(lives) - 1
    return Moments(
        life=numbers[moments.life[keep]].astype(np.int32),
        states=moments.states[keep],
        starts=np.concatenate(([0], np.cumsum(np.diff(moments.starts)[keep]))),
        lines=moments.lines[lines],
        mu=moments.mu[lines],
        chosen=moments.chosen[keep],
        hours=moments.hours[keep],
        runway=moments.runway[keep],
        following=at[moments.following[keep]],
        died=moments.died[keep],
        remaining=moments.remaining[keep],
        token_starts=np.concatenate(([0], np.cumsum(np.diff(moments.token_starts)[keep]))),
        tokens=moments.tokens[tokens],
    )
