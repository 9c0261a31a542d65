"""What went on in a world while somebody looked on: jobs, rents and gas, and who took what when.

Witnessed on a chain, or imagined from a scenario and a seed as if nobody else were there. Times are
seconds since the world's start, as they show on its chain: what is done at one block shows at the
next.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

TIP: Final = 10**9
WEI_PER_ETH: Final = 10**18
NEVER: Final = 2**53
FIRST_S: Final = 3
"""A life's first block: those of its birth come a second after one another."""

Course = tuple[tuple[int, int], ...]
"""Since when, and what."""


@dataclass(frozen=True, slots=True)
class Job:
    """`posted_s` is the first block that shows it, `taken_s` the last before it was done."""

    id: int
    reward: int
    due_s: int
    deadline_s: int
    work: int
    posted_s: int
    taken_s: int


@dataclass(frozen=True, slots=True)
class Rent:
    """A provider: prices, places that others hold, and when the machines were silent."""

    name: str
    path: Course
    crowd: Course = ((0, 0),)
    silent: Course = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One world's past."""

    scenario: str
    seed: int
    jobs: tuple[Job, ...]
    rents: tuple[Rent, ...]
    gas: Course
    """Base fees."""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Record:
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return cls(
            raw["scenario"],
            raw["seed"],
            tuple(Job(**job) for job in raw["jobs"]),
            tuple(
                Rent(rent["name"], *(_pairs(rent[name]) for name in ("path", "crowd", "silent")))
                for rent in raw["rents"]
            ),
            _pairs(raw["gas"]),
        )


def value_at(path: Sequence[tuple[int, int]], second: int) -> int:
    """What holds then of a path of (since, value)."""
    held = path[0][1]
    for since, value in path:
        if since > second:
            break
        held = value
    return held


def moves(path: Iterable[tuple[int, int]]) -> Course:
    """Each change once: of several at one time the last, from the start on."""
    latest: dict[int, int] = {}
    first: int | None = None
    for since, value in path:
        first = since if first is None else first
        latest[since if since > first else 0] = value
    found: list[tuple[int, int]] = []
    for since, value in latest.items():
        if not found or found[-1][1] != value:
            found.append((since, value))
    return tuple(found)


def acted_s(second: int, block_s: int) -> int:
    """The block at which people act on what is due at a second: at the start, then after births."""
    return FIRST_S + max(1, -(-(second - FIRST_S) // block_s)) * block_s if second > 0 else 0


def shown_s(second: int, block_s: int) -> int:
    """The block that shows what they did."""
    return acted_s(second, block_s) + block_s if second > 0 else FIRST_S


def _pairs(raw: Iterable[Sequence[int]]) -> Course:
    return tuple((at, value) for at, value in raw)
