"""Two kinds of children, one way to raise them: taught by every process, written by the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, Protocol

from compute.llama import Llama
from finetune.crew import ALONE, Crew
from finetune.export import export, quantize, restore
from finetune.improve import Improving, Progress, improve
from finetune.moments import Moments
from finetune.objective import Lesson
from finetune.parents import parent_of
from finetune.parity import Parity, by_llama, by_torch, compare, sample
from finetune.policy import Policy
from finetune.stage import digest

MODEL: Final = "model.gguf"


class Written(NamedTuple):
    """Digests of what an agent will run, and whether llama.cpp chooses as torch does."""

    figures: Mapping[str, Any]
    parity: Parity
    holds: bool


class Child(Protocol):
    def write(self, part: Path) -> Written: ...


@dataclass(frozen=True)
class Small:
    """A whole model of our own."""

    policy: Policy
    moments: Moments

    def write(self, part: Path) -> Written:
        with TemporaryDirectory() as folder:
            full = Path(folder) / "full.gguf"
            export(self.policy, full, "forager")
            quantize(full, part / MODEL)
        found = check_export(self.policy, part / MODEL, self.moments)
        return Written({"model": digest(part / MODEL)}, found, found.holds)


def refuse(parent: Path) -> None:
    """What cannot be taught is told of before a critic is learnt."""
    if parent.is_file():
        restore(parent)
    else:
        model = parent_of(parent).model
        from finetune.base import open_base  # transformers takes seconds to import

        open_base(model)


def raised(
    parent: Path,
    moments: Moments,
    lesson: Lesson,
    how: Improving,
    tell: Callable[[Progress], None],
    crew: Crew,
    *,
    kto: bool,
) -> Child:
    """A folder holds a large model or an adapter, a file a small one."""
    if parent.is_dir():
        from finetune.larger import rear

        return rear(parent, moments, lesson, how, tell, crew, kto=kto)
    mates = crew if crew.size > 1 else ALONE  # a small one is no faster on an accelerator
    policy = improve(restore(parent), moments, lesson, how, tell, kto=kto, crew=mates)
    return Small(policy, moments)


def check_export(policy: Policy, path: Path, moments: Moments) -> Parity:
    """The same prompts through torch and llama.cpp."""
    return compare(sample(moments), by_torch(policy), by_llama(Llama(path)))
