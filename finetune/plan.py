"""How much of everything an evolution does, and which worlds are for what.

Worlds to learn in, to be judged in, to veto in and to hold anchors still have seeds of their own,
round for round; those from `SEALED` on are looked at once, in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finetune.training import Course

if TYPE_CHECKING:
    from chain.keys import Key

LIFE: Final = 1000
"""Seeds a round has for itself."""
LEARN, JUDGE, VETO, ANCHOR, PROBE = 0, 400, 600, 800, 900
"""Where in its thousand each use begins; anchors and probes are the same in every round."""
SEALED: Final = 91_000

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole of it; `files` are scenarios."""

    files: tuple[Path, ...]
    rounds: int = 3
    """Each tries one child."""
    learn_seeds: int = 12
    """Worlds of each scenario for a policy to learn in, as long as all policies do alike."""
    judge_seeds: int = 8
    anchor_seeds: int = 2
    veto_seeds: int = 25
    """With eight scenarios these are the two hundred lives below which no backtest may veto."""
    probe_seeds: int = 2
    sealed_seeds: int = 16
    epsilon: float = 0.05
    """Of choices are anything, while it learns."""
    workers: int = 2
    course: Course = field(default_factory=Course)
    control_seeds: int = 4
    """Sealed worlds of each scenario for what is only compared with."""
    controls: bool = True
    """Whether the other objectives and the controls are taught and lived too."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A model that lives or lived."""

    number: int
    model: Path

    @property
    def name(self) -> str:
        return f"g{self.number}"


@dataclass(frozen=True, slots=True)
class Registrar:
    """Where promises are put on chain."""

    rpc: str
    key: Key


Notary = Callable[[], AbstractContextManager[Registrar]]
"""Opened for as long as something is promised or looked up."""


def seeds(round_: int, use: int, count: int) -> range:
    first = LIFE * round_ + use + 1
    return range(first, first + count)
