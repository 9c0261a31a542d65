"""A life as it went, in few points however long it was: what the page of an audit draws.

Gathered epoch by epoch while a log is audited. What is rare is kept, each one of it, up to a
bound; what is frequent is thinned evenly and counted exactly.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from telemetry.auditing.clock import Clock, make_clock
from telemetry.auditing.epoch import Epoch, Event
from telemetry.auditing.expenses import Expenses
from telemetry.auditing.glimpse import LONGEST_KEY, LONGEST_REASON, MOST_CHOICES
from telemetry.auditing.moments import (
    OTHERS,
    Bin,
    Choice,
    Flow,
    Glimpse,
    Look,
    Tick,
    Turn,
    When,
    look_height,
    look_place,
    tick_place,
)
from telemetry.auditing.said import (
    Beat,
    Birth,
    Ending,
    Funded,
    Leased,
    Mark,
    Sent,
    Settled,
    Sold,
)
from telemetry.auditing.thinning import Kept, Thin, merged

LOOKS: Final = 1200
BINS: Final = 120
LANES: Final = 12
SEALED: Final = 400
RARE: Final = 400


class Pause(NamedTuple):
    """A time in which nothing was decided, or of which nothing is known."""

    kind: Literal["gap", "halt", "hole", "ending"]
    since: When | None
    """None for a life whose beginning is missing."""
    until: When | None
    """None for a time without end."""
    reason: str


class LeaseMoment(NamedTuple):
    """What a `lease` record says, and when."""

    when: When
    said: Leased


class MarkMoment(NamedTuple):
    """What an `anchor` record says, and when."""

    when: When
    mark: Mark


class Sealed(NamedTuple):
    """An epoch, and when its last record was written."""

    number: int
    size: int
    records: int
    digest: bytes
    when: When


@dataclass(slots=True)
class Lane:
    """One kind of action: how often it was chosen, how often by reflex, and the first few times."""

    choices: Kept[Choice]
    reflexes: int = 0


@dataclass(slots=True)
class Timeline:
    """Hears every epoch in order; a few MB at most."""

    first: When | None = None
    last: When | None = None
    size: int = 0
    birth: Birth | None = None
    leaving: When | None = None
    """When the ending began."""
    horizon_s: int | None = None
    looks: Thin[Look] = field(default_factory=lambda: Thin(LOOKS, look_place, look_height))
    lanes: dict[str, Lane] = field(default_factory=dict)
    bins: list[Bin] = field(default_factory=list)
    moods: Counter[str] = field(default_factory=Counter)
    flow: Flow = field(default_factory=Flow)
    leases: Kept[LeaseMoment] = field(default_factory=lambda: Kept(RARE))
    pauses: Kept[Pause] = field(default_factory=lambda: Kept(RARE))
    holes: Kept[Pause] = field(default_factory=lambda: Kept(RARE))
    anchors: Kept[MarkMoment] = field(default_factory=lambda: Kept(RARE))
    sealed: Thin[Sealed] = field(default_factory=lambda: Thin(SEALED, _sealed_place))
    spent: Expenses = field(default_factory=Expenses)
    gifts: int = 0
    sales: int = 0
    takings: int = 0
    """What they brought, in the token it lives on."""
    refused: int = 0
    _ticks: Thin[Tick] = field(default_factory=lambda: Thin(LOOKS, tick_place))
    _heard: When | None = None
    """The last sound record so far."""
    _halted: Turn | None = None

    def gather(self, epoch: Epoch, taken: Glimpse) -> None:
        self._seal(epoch, taken)
        self.horizon_s = self.horizon_s or taken.horizon_s
        self.looks.extend(taken.looks)
        self._ticks.extend(taken.ticks)
        self._choose(taken)
        self.moods.update(taken.moods)
        self.flow = self.flow.then(taken.flow)
        self.refused += taken.refused
        self._pause(taken)
        self.spent.decide(taken.acts)
        for event in epoch.events:
            self._hear(event, taken)

    @property
    def decisions(self) -> int:
        return sum(lane.choices.count for lane in self.lanes.values())

    @property
    def clock(self) -> Clock:
        return make_clock(self._ticks.all(), self.first, self.birth.speed if self.birth else 1.0)

    def stops(self) -> list[Pause]:
        """All pauses, and what did not end any more."""
        stops = [*self.pauses, *self.holes]
        if self._halted is not None:
            stops.append(Pause("halt", self._halted.when, None, self._halted.reason))
        if self.leaving is not None:
            stops.append(Pause("ending", self.leaving, None, ""))
        if self._heard is not None and self._heard.seq + 1 < self.size:
            stops.append(Pause("hole", self._heard, None, ""))
        return stops

    def _seal(self, epoch: Epoch, taken: Glimpse) -> None:
        head = epoch.head
        if head is None:
            return
        when = When(head.size - 1, epoch.last_block, epoch.ended)
        row = Sealed(head.epoch, head.size, len(epoch.leaves), epoch.digest, when)
        self.sealed.extend([row])
        self.first = self.first or taken.first
        self.last = When(*map(max, when, self.last or when))
        self.size = max(self.size, head.size)

    def _choose(self, taken: Glimpse) -> None:
        for key, choices in taken.choices.items():
            name = key if key in self.lanes or len(self.lanes) < LANES else OTHERS
            lane = self.lanes.setdefault(name, Lane(Kept(MOST_CHOICES)))
            lane.choices.extend(choices, sum(part.chosen.get(key, 0) for part in taken.bins))
            lane.reflexes += sum(part.reflexes.get(key, 0) for part in taken.bins)
        self.bins.extend(taken.bins)
        if len(self.bins) > 4 * BINS:
            self.bins = self.mix()

    def mix(self) -> list[Bin]:
        """How often what was chosen, in times that hold about as many choices each."""
        return merged(self.bins, BINS, Bin.then, lambda each: each.whole)

    def _pause(self, taken: Glimpse) -> None:
        due = self._heard.seq + 1 if self._heard else 0
        if taken.first is not None and taken.first.seq != due:
            self.holes.add(Pause("hole", self._heard, taken.first, ""))
        for turn in taken.turns:
            self._turn(turn)
        self.pauses.count += taken.more_turns
        self._heard = taken.last or self._heard

    def _turn(self, turn: Turn) -> None:
        since = turn.before or self._heard or turn.when
        if turn.kind == "hole":
            self.holes.add(Pause("hole", since, turn.when, ""))
        elif turn.kind == "gap":
            self.pauses.add(Pause("gap", since, turn.when, turn.reason))
        elif turn.kind == "halt":
            self._halted = self._halted or turn
        elif self._halted is not None:
            halted, self._halted = self._halted, None
            self.pauses.add(Pause("halt", halted.when, turn.when, halted.reason))

    def _hear(self, event: Event, taken: Glimpse) -> None:
        said, when = event.said, When(event.seq, event.block, event.at)
        if isinstance(said, Birth):
            self.birth = self.birth or said
            self.spent.name("birth")
        elif isinstance(said, Sent):
            token, value = taken.pulls.get(event.seq, ("", 0))
            ours = self.birth is not None and token == self.birth.token
            self.spent.send(said, value if ours else 0)
        elif isinstance(said, Settled):
            self.spent.settle(said, when)
        elif isinstance(said, Leased):
            self.leases.add(LeaseMoment(when, _short(said)))
        elif isinstance(said, Mark):
            self.anchors.add(MarkMoment(when, said))
        elif isinstance(said, Beat) and said.ending:
            self.leaving = self.leaving or when
        elif isinstance(said, Funded):
            self.gifts += 1
        elif isinstance(said, Sold):
            self.sales += 1
            ours = self.birth is not None and said.token == self.birth.token
            self.takings += said.amount if ours else 0
        elif isinstance(said, Ending):
            self.spent.name("end", len(said.intents))


def _short(said: Leased) -> Leased:
    return said._replace(state=said.state[:LONGEST_KEY], network=said.network[:LONGEST_REASON])


def _sealed_place(sealed: Sealed) -> int:
    return sealed.number
