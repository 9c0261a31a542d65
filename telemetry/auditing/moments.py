"""Moments of a life, as an epoch gives them and a page draws them: plain tuples that travel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

VITALS: Final = ("thriving", "steady", "lean", "critical", "starving")
OTHERS: Final = "others"
"""All kinds of action beyond the first few."""


class When(NamedTuple):
    """A record's place: in the log, on the chain, and by the wall's clock in milliseconds."""

    seq: int
    block: int
    at: int


class Tick(NamedTuple):
    """A block's time, and the life's age then where the record says it; both in chain seconds."""

    block: int
    at: int
    age: int | None


class Look(NamedTuple):
    """How the life stood: in whole coins' smallest parts, `deposit` being its lease's."""

    when: When
    runway: float | None
    vitals: str | None
    micro: int | None
    wei: int | None
    deposit: int | None
    key: str | None = None
    chance: float | None = None


class Choice(NamedTuple):
    """That an action was chosen, and how probable it was; `reflex` when no model was asked."""

    when: When
    chance: float | None
    reflex: bool


class Bin(NamedTuple):
    """How often what was chosen in a time."""

    since: When
    until: When
    chosen: Mapping[str, int]
    reflexes: Mapping[str, int]

    @property
    def whole(self) -> int:
        return sum(self.chosen.values())

    def then(self, later: Bin) -> Bin:
        """Both as one."""
        chosen, reflexes = Counter(self.chosen), Counter(self.reflexes)
        chosen.update(later.chosen)
        reflexes.update(later.reflexes)
        return Bin(self.since, later.until, chosen, reflexes)


class Turn(NamedTuple):
    """A gap, a halt or its end, or a hole: records that are not there, or not sound.

    `before` is the record before, if this epoch has it.
    """

    kind: Literal["gap", "halt", "resume", "hole"]
    when: When
    before: When | None
    reason: str


class Flow(NamedTuple):
    """How a wallet's tokens went from look to look."""

    first: int | None = None
    last: int | None = None
    rose: int = 0
    fell: int = 0

    def then(self, later: Flow) -> Flow:
        """Both, one after the other."""
        if self.last is None or later.first is None:
            first, last = (later.first, later.last) if self.last is None else self[:2]
            return Flow(first, last, self.rose + later.rose, self.fell + later.fell)
        step = later.first - self.last
        rose, fell = self.rose + later.rose + max(0, step), self.fell + later.fell + max(0, -step)
        return Flow(self.first, later.last, rose, fell)


class Glimpse(NamedTuple):
    """Few points of an epoch, and how many there were."""

    first: When | None
    last: When | None
    looks: Sequence[Look]
    choices: Mapping[str, Sequence[Choice]]
    """The first few of each kind of action."""
    bins: Sequence[Bin]
    """All of them, counted."""
    moods: Mapping[str, int]
    ticks: Sequence[Tick]
    turns: Sequence[Turn]
    more_turns: int
    flow: Flow
    refused: int
    acts: Mapping[int, str]
    """What was chosen, of each decision to do something."""
    pulls: Mapping[int, tuple[str, int]]
    """Token and amount, of each transaction that pulls some."""
    horizon_s: int | None


def look_place(look: Look) -> int:
    return look.when.seq


def look_height(look: Look) -> float:
    return 0.0 if look.runway is None else look.runway


def tick_place(tick: Tick) -> int:
    return tick.block
