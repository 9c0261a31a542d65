"""What a buyer asks: a prompt and labels, read strictly, named by a digest. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from compute.scoring import LABELS

MOST_LABELS: Final = len(LABELS)


@dataclass(frozen=True, slots=True)
class Question:
    """One forward pass: what to read, and which labels to score after it."""

    prompt: str
    labels: tuple[str, ...]

    @property
    def digest(self) -> bytes:
        """What a payment is bound to; the words themselves are not kept."""
        text = json.dumps([self.prompt, self.labels], separators=(",", ":"))
        return hashlib.sha256(text.encode()).digest()


def read_question(body: bytes) -> Question | None:
    """None unless it is `{prompt, labels}`: Unicode, and different letters from A to Z."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match said:
        case {"prompt": str(prompt), "labels": [*labels]} if len(said) == 2:  # noqa: PLR2004
            pass
        case _:
            return None
    if not prompt or not labels or len(labels) > MOST_LABELS or not _is_unicode(prompt):
        return None
    known = all(type(label) is str and len(label) == 1 and label in LABELS for label in labels)
    if not known or len(set(labels)) < len(labels):
        return None
    return Question(prompt, tuple(labels))


def _is_unicode(text: str) -> bool:
    """Half a character is none, and JSON lets it pass."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
