"""The public formula of every choice, so that anyone can redraw it.

    μ = (1 − ε) · softmax(z / T) + ε / |menu|
    u = the first 53 bits of SHA-256(birth seed ‖ uint64be seq) / 2⁵³
    chosen = the first entry, in menu order, whose cumulated μ exceeds u

Pure, in plain floats: the agent's mind and the auditor run the same lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from math import exp, fsum, isfinite, log
from typing import Final

TOLERANCE: Final = 1e-12
"""Exp() may differ in the last bit elsewhere: at an edge this close either neighbour passes."""

_BITS: Final = 53
_SEED_LENGTH: Final = 32


def log_probabilities(
    logits: Sequence[float], temperature: float, epsilon: float
) -> tuple[float, ...]:
    """The ln μ of each entry; finite for all finite logits."""
    if not logits or not all(map(isfinite, logits)):
        raise ValueError("logits must be finite, one at least")
    if not (temperature > 0 and 0 <= epsilon <= 1):
        raise ValueError("temperature must be above 0, epsilon within 0 and 1")
    top = max(logits)
    scaled = [(logit - top) / temperature for logit in logits]
    if not all(map(isfinite, scaled)):
        raise ValueError("temperature is too small for these logits")
    shift = log(fsum(map(exp, scaled)))
    floor = epsilon / len(logits)
    if floor == 0:  # no exploration, or less than a float can say
        return tuple(value - shift for value in scaled)
    return tuple(log((1 - epsilon) * exp(value - shift) + floor) for value in scaled)


def uniform(seed: bytes, seq: int) -> float:
    """The one random number of record `seq`, in [0, 1)."""
    if len(seed) != _SEED_LENGTH:
        raise ValueError("a birth seed has 32 bytes")
    digest = sha256(seed + seq.to_bytes(8, "big")).digest()
    return float(int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / float(1 << _BITS)


def pick(logprobs: Sequence[float], u: float) -> int:
    """Inverse CDF in menu order; what rounding leaves over goes to the last entry."""
    for index, edge in enumerate(_edges(logprobs)):
        if u < edge:
            return index
    return len(logprobs) - 1


def draw(seed: bytes, seq: int, logprobs: Sequence[float]) -> int:
    """The index that record `seq` had to choose."""
    return pick(logprobs, uniform(seed, seq))


def could_be(seed: bytes, seq: int, logprobs: Sequence[float], chosen: int) -> bool:
    """Whether `chosen` is what these log-probabilities and this seed give, on any machine."""
    if not 0 <= chosen < len(logprobs):
        return False
    u, below = uniform(seed, seq), sum(map(exp, logprobs[:chosen]))
    last = chosen == len(logprobs) - 1
    return below - TOLERANCE <= u and (last or u < below + exp(logprobs[chosen]) + TOLERANCE)


def _edges(logprobs: Sequence[float]) -> list[float]:
    return list(accumulate(map(exp, logprobs)))
