"""Takes from one epoch what a page shows of a life: few points of it, where the epoch is judged.

Any value here may be a lie or nonsense. What has the wrong form is None, and nothing is raised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp
from typing import Any, Final, TypeVar

from telemetry.auditing import body as read
from telemetry.auditing.body import Body
from telemetry.auditing.epoch import Read
from telemetry.auditing.moments import (
    OTHERS,
    VITALS,
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
from telemetry.auditing.thinning import thinned
from telemetry.checkpoint import Checkpoint
from telemetry.errors import BadRecord

T = TypeVar("T")

MOST_LOOKS: Final = 256
MOST_CHOICES: Final = 400
IN_A_BIN: Final = 32
MOST_KEYS: Final = 16
MOST_TICKS: Final = 32
MOST_TURNS: Final = 64
LONGEST_KEY: Final = 40
LONGEST_REASON: Final = 80
_NOTHING: Final[Body] = {}


def glimpser(_: Checkpoint) -> Glimpser:
    """The harvest: a glimpse of each epoch."""
    return Glimpser()


@dataclass(slots=True)
class Glimpser:
    """Takes it."""

    first: When | None = None
    last: When | None = None
    looks: list[Look] = field(default_factory=list)
    choices: list[tuple[str, Choice]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    moods: Counter[str] = field(default_factory=Counter)
    ticks: list[Tick] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    more_turns: int = 0
    refused: int = 0
    acts: dict[int, str] = field(default_factory=dict)
    pulls: dict[int, tuple[str, int]] = field(default_factory=dict)
    horizon_s: int | None = None

    def take(self, records: Sequence[Read]) -> None:
        for each in records:
            record, before = each.record, self.last
            when = When(each.seq, record.block.number, record.at)
            if before is not None and when.seq != before.seq + 1:
                self.turn("hole", when, before, _NOTHING)
            if take := _TAKERS.get(record.kind):
                take(self, when, record.body)
            elif record.kind in ("gap", "halt", "resume"):
                self.turn(record.kind, when, before, record.body)
            self.first, self.last = self.first or when, when

    def birth(self, _: When, body: Body) -> None:
        self.horizon_s = _maybe(read.integer, body, "horizon_s")

    def decision(self, when: When, body: Body) -> None:
        seen = _map(body, "observation")
        key, chance = _chosen(body)
        held, lease, block = (_map(seen, name) for name in ("holdings", "lease", "block"))
        self._look(
            Look(
                when,
                runway=_maybe(read.number, seen, "runway_h"),
                vitals=_vitals(seen),
                micro=_maybe(read.amount, held, "micro"),
                wei=_maybe(read.amount, held, "wei"),
                deposit=_maybe(read.amount, lease, "balance") if lease else 0,
                key=key,
                chance=chance,
            )
        )
        self._tick(block, _maybe(read.integer, seen, "age_s"))
        if key is not None:
            lane = key if key in self.keys or len(self.keys) < MOST_KEYS else OTHERS
            self.keys.add(lane)
            self.choices.append((lane, Choice(when, chance, body.get("model") == "reflex")))
            if body.get("chosen"):
                self.acts[when.seq] = key

    def heartbeat(self, when: When, body: Body) -> None:
        runway, micro = _maybe(read.number, body, "runway_h"), _maybe(read.amount, body, "micro")
        if runway is not None or micro is not None:
            wei = _maybe(read.amount, body, "wei")
            self._look(Look(when, runway, _vitals(body), micro, wei, None))

    def effect(self, when: When, body: Body) -> None:
        if body.get("stage") == "settled":
            self._tick(_map(body, "block"), None)
        elif pull := _map(body, "pull"):
            token, value = _maybe(read.address, pull, "token"), _maybe(read.amount, pull, "value")
            if token is not None and value is not None:
                self.pulls[when.seq] = token, value

    def refusal(self, _: When, _body: Body) -> None:
        self.refused += 1

    def turn(self, kind: Any, when: When, before: When | None, body: Body) -> None:
        if len(self.turns) < MOST_TURNS:
            reason = _maybe(read.text, body, "reason") or ""
            self.turns.append(Turn(kind, when, before, reason[:LONGEST_REASON]))
        else:
            self.more_turns += 1

    def _look(self, look: Look) -> None:
        self.looks.append(look)
        if look.vitals is not None and look.key is not None:
            self.moods[look.vitals] += 1

    def _tick(self, block: Body, age: int | None) -> None:
        number, at = _maybe(read.integer, block, "number"), _maybe(read.integer, block, "at")
        if number is not None and at is not None:
            self.ticks.append(Tick(number, at, age))

    def done(self) -> Glimpse:
        return Glimpse(
            first=self.first,
            last=self.last,
            looks=thinned(self.looks, MOST_LOOKS, look_place, look_height),
            choices=_lanes(self.choices),
            bins=[
                _bin(self.choices[place : place + IN_A_BIN])
                for place in range(0, len(self.choices), IN_A_BIN)
            ],
            moods=dict(self.moods),
            ticks=thinned(self.ticks, MOST_TICKS, tick_place),
            turns=tuple(self.turns),
            more_turns=self.more_turns,
            flow=_flow([look.micro for look in self.looks if look.micro is not None]),
            refused=self.refused,
            acts=self.acts,
            pulls=self.pulls,
            horizon_s=self.horizon_s,
        )


_TAKERS: Final[Mapping[str, Callable[[Glimpser, When, Body], None]]] = {
    "birth": Glimpser.birth,
    "decision": Glimpser.decision,
    "heartbeat": Glimpser.heartbeat,
    "effect": Glimpser.effect,
    "refusal": Glimpser.refusal,
}


def _lanes(choices: Sequence[tuple[str, Choice]]) -> Mapping[str, Sequence[Choice]]:
    lanes: dict[str, list[Choice]] = {}
    for key, choice in choices:
        lane = lanes.setdefault(key, [])
        if len(lane) < MOST_CHOICES:
            lane.append(choice)
    return lanes


def _bin(choices: Sequence[tuple[str, Choice]]) -> Bin:
    (_, first), (_, last) = choices[0], choices[-1]
    chosen = Counter(key for key, _ in choices)
    reflexes = Counter(key for key, choice in choices if choice.reflex)
    return Bin(first.when, last.when, chosen, reflexes)


def _flow(held: Sequence[int]) -> Flow:
    if not held:
        return Flow()
    steps = [after - before for before, after in pairwise(held)]
    rose, fell = (sum(max(0, way * step) for step in steps) for way in (1, -1))
    return Flow(held[0], held[-1], rose, fell)


def _chosen(body: Body) -> tuple[str | None, float | None]:
    """The key of what was chosen, and its probability."""
    place = _maybe(read.integer, body, "chosen")
    entry, logprob = _at(body.get("menu"), place), _at(body.get("logprobs"), place)
    key = _maybe(read.text, entry, "key") if isinstance(entry, dict) else None
    chance = exp(min(0.0, float(logprob))) if type(logprob) in (int, float) else None
    return key and key[:LONGEST_KEY], chance


def _at(items: object, place: int | None) -> Any:
    inside = isinstance(items, list) and place is not None and place < len(items)
    return items[place] if inside else None  # type: ignore[index]  # a list and an int


def _vitals(body: Body) -> str | None:
    vitals = body.get("vitals")
    return vitals if isinstance(vitals, str) and vitals in VITALS else None


def _map(body: Body, name: str) -> Body:
    value = body.get(name)
    return value if isinstance(value, dict) else _NOTHING


def _maybe(reader: Callable[[Body, str], T], body: Body, name: str) -> T | None:
    try:
        return reader(body, name)
    except BadRecord:
        return None
