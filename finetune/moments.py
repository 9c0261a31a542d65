"""Every decision of some lives as arrays: what was seen, what could be done, what came of it.

Menus differ in length, so their lines lie behind one another: those of moment `i` are
`lines[starts[i] : starts[i + 1]]`. A life's moments stand in order; `following` names the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

LAST: Final = -1
"""A moment that nothing follows."""


@dataclass(frozen=True)
class Moments:
    """Struct of arrays; the same length for all but `lines`, `mu`, `tokens` and the starts."""

    life: np.ndarray[Any, Any]
    """Index of the life, in the order of `lives.json`."""
    states: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]
    lines: np.ndarray[Any, Any]
    mu: np.ndarray[Any, Any]
    """What the probability of each line was."""
    chosen: np.ndarray[Any, Any]
    hours: np.ndarray[Any, Any]
    """Paid hours until the next moment: the reward."""
    runway: np.ndarray[Any, Any]
    following: np.ndarray[Any, Any]
    died: np.ndarray[Any, Any]
    """Whether the life ended here by death; one that ended otherwise is censored."""
    remaining: np.ndarray[Any, Any]
    """Paid hours from here to the end of what was seen of the life."""
    token_starts: np.ndarray[Any, Any]
    tokens: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.chosen)

    def prompt(self, i: int) -> Sequence[int]:
        found: Sequence[int] = self.tokens[self.token_starts[i] : self.token_starts[i + 1]].tolist()
        return found

    def menu(self, i: int) -> slice:
        return slice(int(self.starts[i]), int(self.starts[i + 1]))

    def save(self, path: Path) -> None:
        part = path.with_suffix(".part.npz")
        np.savez(part, **{each.name: getattr(self, each.name) for each in fields(self)})
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path, allow_pickle=False) as held:
            return cls(**{each.name: held[each.name] for each in fields(cls)})

    @classmethod
    def joined(cls, parts: Sequence[Moments]) -> Moments:
        """One after the other; lives are counted on."""
        lives = moments = lines = tokens = 0
        shifted: list[Moments] = []
        for part in parts:
            following = np.where(part.following == LAST, LAST, part.following + moments)
            shifted.append(
                Moments(
                    **{
                        **{each.name: getattr(part, each.name) for each in fields(cls)},
                        "life": part.life + lives,
                        "starts": part.starts + lines,
                        "following": following,
                        "token_starts": part.token_starts + tokens,
                    }
                )
            )
            lives += int(part.life.max(initial=-1)) + 1
            moments += len(part)
            lines += len(part.lines)
            tokens += len(part.tokens)
        joined: dict[str, Any] = {}
        for each in fields(cls):
            arrays = [getattr(part, each.name) for part in shifted]
            if each.name in ("starts", "token_starts"):
                arrays = [a[:-1] for a in arrays[:-1]] + arrays[-1:]
            joined[each.name] = np.concatenate(arrays)
        return Moments(**joined)


def batches(count: int, size: int, dice: np.random.Generator) -> Iterator[np.ndarray[Any, Any]]:
    """Indices without end, each moment once before any comes again."""
    while True:
        order = dice.permutation(count)
        for at in range(0, count - size + 1, size) if count >= size else (0,):
            yield order[at : at + size]
