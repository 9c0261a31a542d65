"""What a score is made of, without a model: labels, shared prefixes, sound logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Final

from compute.errors import BadModel, NoModel

LABELS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What a menu's lines are called; one token each in every model that may choose."""


def label_tokens(tokenize: Callable[[str], Sequence[int]]) -> Mapping[str, int]:
    """The token of each label. A model that needs two for one, or one for two, cannot choose."""
    pieces = {label: tuple(tokenize(label)) for label in LABELS}
    split = "".join(label for label, tokens in pieces.items() if len(tokens) != 1)
    if split:
        raise BadModel("labels are not single tokens of this model", labels=split)
    tokens = {label: only for label, (only,) in pieces.items()}
    if len(set(tokens.values())) != len(LABELS):
        raise BadModel("labels share tokens in this model")
    return tokens


def shared(cached: Sequence[int], wanted: Sequence[int]) -> int:
    """How many tokens need no second pass. The last one always does: its logits are the answer."""
    limit = min(len(cached), len(wanted) - 1)
    return next((n for n in range(limit) if cached[n] != wanted[n]), limit)


def sound(logits: Sequence[float], labels: Sequence[str]) -> tuple[float, ...]:
    """Exactly one finite number for each label, or no score at all."""
    if len(logits) != len(labels) or not all(map(isfinite, logits)):
        raise NoModel("the model's logits are not one finite number for each label")
    return tuple(map(float, logits))
