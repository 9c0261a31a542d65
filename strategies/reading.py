"""Reading a short text as a number: one question, 26 answers that stand for returns. Pure.

The text is put into one bounded prompt; each of the labels A–Z stands for a return, evenly spaced
from the whole span down to the whole span up, and what is read is the mean of these returns under
softmax(logits). That mean is what a model is trained for: the squared distance between
`mean(logits)` and the realised return, as a share of the span, is smallest for a model whose mean
is the true one. So the worker that trains and the life that forecasts share these very lines.

A text is a stranger's. It may say whatever it likes, and nothing of it can do more than move a
number between minus the span and the span.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Final, NamedTuple

from compute.scoring import LABELS

__all__ = ["HEAD", "LABELS", "TAIL", "VALUES", "Reading", "prompt_for", "read", "words_in"]

HEAD: Final = (
    "How far will the price move on this news? A is far down, M and N are nowhere, Z is far up.\n"
    "news"
)
TAIL: Final = "\nmove:\n"
LONGEST: Final = 280
"""Characters of a text that are read."""
VALUES: Final = tuple(2 * place / (len(LABELS) - 1) - 1 for place in range(len(LABELS)))
"""What each label stands for, as a share of the span."""


class Reading(NamedTuple):
    """What a model expects, and how sure it is: mean and standard deviation, shares of the span."""

    mean: float
    sd: float


def words_in(text: bytes) -> str:
    """The printable ASCII of a text on one line, and not too much of it."""
    seen = "".join(chr(byte) if 0x20 < byte < 0x7F else " " for byte in text)  # noqa: PLR2004
    return " ".join(seen.split())[:LONGEST].rstrip()


def prompt_for(text: bytes) -> str:
    """The whole question; every word of the text follows a space, as in all our prompts."""
    return f"{HEAD} {words_in(text)}{TAIL}"


def read(logits: Sequence[float]) -> Reading:
    """The mean and spread of what the labels stand for under softmax(logits)."""
    top = max(logits)
    weights = [exp(logit - top) for logit in logits]
    whole = sum(weights)
    mean = sum(w * value for w, value in zip(weights, VALUES, strict=True)) / whole
    square = sum(w * (value - mean) ** 2 for w, value in zip(weights, VALUES, strict=True)) / whole
    return Reading(mean, square**0.5)
