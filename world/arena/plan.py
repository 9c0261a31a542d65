"""What an arena is asked for: which policies live in which worlds, one case a life. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.models import FIRST
from world.baselines import RULES
from world.errors import WorldError
from world.scenario import SHIPPED

DEMO: Final = "demo"
BUILTIN: Final = FIRST
MOST_SEEDS: Final = 100_000
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
"""A policy's: it names a folder."""
RANGE: Final = re.compile(r"(\d{1,15})(?:-(\d{1,15}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Case:
    """One life to be lived; plain, so that it can be sent to another process or machine."""

    scenario: str
    """The scenario's file."""
    seed: int
    policy: str
    """What it is called in the results."""
    model: str = ""
    """A GGUF file; empty for a rule."""
    without: tuple[str, ...] = ()
    """Strategies of the scenario that this life is born without."""
    generation: int = 0
    epsilon: float = 0.0
    chooses: str = ""
    """A rule that chooses while the model is only thought with by strategies."""

    @property
    def world(self) -> str:
        return Path(self.scenario).stem


def scenarios(named: Sequence[Path]) -> list[Path]:
    """The files named, by path or by a shipped scenario's name; all shipped ones but the demo's."""
    if not named:
        return [path for path in sorted(SHIPPED.glob("*.toml")) if path.stem != DEMO]
    shipped = {path.stem: path for path in SHIPPED.glob("*.toml")}
    return [shipped.get(str(path), path) for path in named]


def seeds(text: str) -> list[int]:
    """`1-8`, `3`, or `1-4,9`."""
    ranges = [RANGE.fullmatch(part.strip()) for part in text.split(",")]
    found: dict[int, None] = {}
    for said in ranges:
        if said is None or int(said[1]) > int(said[2] or said[1]):
            raise WorldError("seeds are like 1-8 or 1,3,5", seeds=text)
        first, last = int(said[1]), int(said[2] or said[1])
        if last - first >= MOST_SEEDS - len(found):
            raise WorldError("so many seeds cannot be", most=MOST_SEEDS)
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule, or a model; `without` some of the strategies that its worlds are lived by."""

    name: str
    model: str = ""
    without: tuple[str, ...] = ()
    generation: int = 0
    chooses: str = ""
    """A rule that chooses instead of the model, which is only thought with."""

    @property
    def rule(self) -> str:
        return self.chooses or self.name.partition("-")[0]


def policies(text: str) -> Sequence[Policy]:
    """`passive,reflex-trader,mine=path/to/model.gguf,reader=reflex+path/to/model.gguf`.

    A rule's name, behind it what it does without; or a name for a model's file; or for a rule that
    chooses and a file that its strategies think with.
    """
    found: dict[str, Policy] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, _, model = part.partition("=")
        chooses, plus, reads = model.partition("+")
        chooses, model = (chooses, reads) if plus and chooses in RULES else ("", model)
        rule, *without = name.split("-")
        if bool(model) is (rule in RULES) or not NAME.fullmatch(name):
            known = ", ".join(RULES)
            raise WorldError(
                f"policies are {known}, NAME=MODEL.gguf or NAME=RULE+MODEL.gguf", policy=part
            )
        if name in found:
            raise WorldError("a policy is named twice", policy=name)
        found[name] = Policy(name, model, tuple(without), chooses=chooses)
    if not found:
        raise WorldError("name at least one policy")
    return tuple(found.values())


def fitting(policies_: Sequence[Policy], used: Collection[str]) -> Sequence[Policy]:
    """The same; whoever does without what no world here uses was misspelt."""
    for one in policies_:
        for strategy in one.without:
            if strategy not in used:
                raise WorldError(
                    "no world here is lived by that strategy", policy=one.name, strategy=strategy
                )
    return policies_


def cases(
    files: Sequence[Path], policies_: Sequence[Policy], seeds_: Sequence[int], epsilon: float
) -> Iterator[Case]:
    """World after world, so that whatever is done so far compares the policies on equal terms."""
    for seed in seeds_:
        for file in files:
            for one in policies_:
                yield Case(
                    str(file),
                    seed,
                    one.name,
                    one.model,
                    one.without,
                    one.generation,
                    epsilon,
                    one.chooses,
                )
