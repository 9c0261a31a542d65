"""What the tables of lives hold for a reader: news that came true, and choices to be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from finetune.news import Hearing, News
from finetune.situations import Example, examples
from finetune.tables import LONGEST_PROMPT, Row, decisions, is_sound, lives
from finetune.vocab import Tokenizer

UNSEEN: Final = 5
"""Of one life in so many the choices are kept for the check."""
MADE_SEED: Final = 2_000_000
FOREIGN: Final = 0.5
"""The share of made-up menus with actions of strategies that are not in use."""


@dataclass(frozen=True)
class Heard:
    """All that the tables hold of use here."""

    hearing: Hearing
    news: tuple[News, ...]
    taught: tuple[Example, ...]
    """Choices to be kept."""
    held: tuple[Example, ...]
    """Choices on which that is checked."""


def hear(found: Sequence[Path]) -> Heard:
    """Every verified life once, with all its decisions or not at all."""
    hearing, names = Hearing(), set[str]()
    taught: list[Example] = []
    held: list[Example] = []
    encode = Tokenizer().encode
    for folder in found:
        wanted = {str(row["life"]) for row in lives(folder) if row["verified"] == "chain"} - names
        for name, rows in decisions(folder, wanted):
            if is_sound(rows):
                names.add(name)
                hearing.hear(rows)
                kept = held if _number(name) % UNSEEN == 0 else taught
                kept += _choices(encode, rows)
    return Heard(hearing, hearing.news(), tuple(taught), tuple(held))


def some(choices: Sequence[Example], most: int, seed: int = 0) -> tuple[Example, ...]:
    """Evenly from these, and as many made up: reading must spoil no choice, wherever it is made."""
    which = np.linspace(0, len(choices) - 1, min(most, len(choices))).astype(int)
    made = islice(examples(MADE_SEED + seed, foreign=FOREIGN), most)
    return (*(choices[i] for i in which), *made)


def _number(name: str) -> int:
    """The same in every process."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big")


def _choices(encode: Callable[[str], list[int]], rows: Sequence[Row]) -> Iterator[Example]:
    """Where there was one; a prompt that is longer than the model's context nobody read whole."""
    for row in rows:
        tokens = encode(row["prompt"])
        if len(row["actions"]) > 1 and len(tokens) <= LONGEST_PROMPT:
            yield Example(tokens, [0.0] * len(row["actions"]))
