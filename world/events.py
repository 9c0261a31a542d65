"""What happens in a world, and when: a pure function of scenario and seed.

Only uniform draws are used, so that no version of Python changes a world. Each stream has a
generator of its own: more jobs do not move the price of gas.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Generic, Protocol, TypeVar

from chain.types import RATE_SCALE, Block, Micro, Wei
from world.scenario import HOUR, Scenario
from world.tables import Rival

AFTERWARDS_S: Final = 6 * HOUR
"""The world goes on a little after the horizon, for whoever is late."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A job is offered; `not_before_s` and `deadline_s` count from the start, like `at_s`."""

    at_s: int
    stream: int
    reward: Micro
    not_before_s: int
    deadline_s: int
    work: int


@dataclass(frozen=True, slots=True)
class RentMove:
    """A provider asks another rate from now on: micro-units a second times 10¹⁸."""

    at_s: int
    provider: int
    rate: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A provider's machines fall silent, or are back."""

    at_s: int
    provider: int
    silent: bool


@dataclass(frozen=True, slots=True)
class Crowding:
    """So many of a provider's places are other people's from now on."""

    at_s: int
    provider: int
    places: int


@dataclass(frozen=True, slots=True)
class GasMove:
    """The base fee changes."""

    at_s: int
    base_fee: Wei


@dataclass(frozen=True, slots=True)
class Halt:
    """The operator halts the agent."""

    at_s: int


Event = Posting | RentMove | Silence | Crowding | GasMove | Halt


class _Spell(Protocol):
    @property
    def mean_h(self) -> float: ...


S = TypeVar("S", bound=_Spell)


def events(scenario: Scenario, seed: int) -> tuple[Event, ...]:
    """Everything that happens of itself, in order of time since the start."""
    happening: list[Event] = list(_gas_moves(scenario, dice(scenario, seed, "gas")))
    for i, jobs in enumerate(scenario.jobs):
        happening += _postings(scenario, i, dice(scenario, seed, f"jobs/{jobs.name}"))
    for i, provider in enumerate(scenario.providers):
        happening += _rent_moves(scenario, i, dice(scenario, seed, f"rent/{provider.name}"))
        happening += _silences(scenario, i, dice(scenario, seed, f"outages/{provider.name}"))
        happening += _crowdings(scenario, i, dice(scenario, seed, f"crowd/{provider.name}"))
    if scenario.halts:
        at = _wait(dice(scenario, seed, "halts"), scenario.halts.mean_h * HOUR)
        happening.append(Halt(int(at)))
    return tuple(sorted(happening, key=lambda event: event.at_s))


K = TypeVar("K", bound=Event)


class Calendar(Generic[K]):
    """Events of one kind, as their time comes; the first block asked about is the start."""

    def __init__(self, happening: Sequence[Event], kind: type[K]) -> None:
        self._coming = deque(event for event in happening if isinstance(event, kind))
        self._start: Block | None = None

    def due(self, block: Block) -> tuple[Block, list[K]]:
        """The start, and what is due by this block and was not handed out before."""
        start = self._start = self._start or block
        due: list[K] = []
        while self._coming and self._coming[0].at_s <= block.at - start.at:
            due.append(self._coming.popleft())
        return start, due


def rent_path(happening: Sequence[Event], provider: int = 0) -> tuple[tuple[int, int], ...]:
    """A provider's price path: (seconds since the start, rate)."""
    moves = (event for event in happening if isinstance(event, RentMove))
    return tuple((event.at_s, event.rate) for event in moves if event.provider == provider)


def reaction_s(scenario: Scenario, seed: int, rival: Rival, reward: int, work: int) -> int | None:
    """How long after a job can be done this rival comes round to it; None if it leaves him cold.

    Drawn from what the job is and not from its number, which depends on who was in the same block.
    """
    own = dice(scenario, seed, f"{rival.name}/{reward}/{work}")
    if own.random() >= rival.share:
        return None
    return int(_wait(own, rival.reaction_h * HOUR))


def _postings(scenario: Scenario, stream: int, dice: Random) -> Iterator[Posting]:
    jobs = scenario.jobs[stream]
    for start, end, regime in _spells(jobs.regimes, scenario, dice):
        at = start
        while regime.per_hour > 0 and (at := at + _wait(dice, HOUR / regime.per_hour)) < end:
            early = dice.random() < jobs.early_share
            due = at + (dice.random() * jobs.early_h * HOUR if early else 0)
            window = _between(dice, *jobs.window_h) * HOUR
            reward = regime.reward_micro * jobs.spread ** (2 * dice.random() - 1)
            least, most = jobs.work_n
            yield Posting(
                at_s=int(at),
                stream=stream,
                reward=Micro(max(1, int(reward))),
                not_before_s=int(due),
                deadline_s=int(due + window),
                work=least + int(dice.random() * (most - least + 1)),
            )


def _rent_moves(scenario: Scenario, provider: int, dice: Random) -> Iterator[RentMove]:
    for start, _end, regime in _spells(scenario.providers[provider].regimes, scenario, dice):
        yield RentMove(int(start), provider, regime.hour_micro * RATE_SCALE // HOUR)


def _silences(scenario: Scenario, provider: int, dice: Random) -> Iterator[Silence]:
    outages = scenario.providers[provider].outages
    at = 0.0
    while outages and (at := at + _wait(dice, outages.every_h * HOUR)) < _end_s(scenario):
        yield Silence(int(at), provider, silent=True)
        at += _between(dice, 0.5, 1.5) * outages.lasting_h * HOUR
        yield Silence(int(at), provider, silent=False)


def _crowdings(scenario: Scenario, provider: int, dice: Random) -> Iterator[Crowding]:
    crowd = scenario.providers[provider].crowd
    at = 0.0
    while crowd and (at := at + _between(dice, 0.5, 1.5) * crowd.mean_h * HOUR) < _end_s(scenario):
        yield Crowding(int(at), provider, int(dice.random() * (crowd.most_n + 1)))


def _gas_moves(scenario: Scenario, dice: Random) -> Iterator[GasMove]:
    for start, _end, regime in _spells(scenario.gas.regimes, scenario, dice):
        yield GasMove(int(start), Wei(regime.base_fee_wei))


def _spells(
    regimes: Sequence[S], scenario: Scenario, dice: Random
) -> Iterator[tuple[float, float, S]]:
    """One regime after the other, each for a while, the first one first."""
    at, regime = 0.0, regimes[0]
    while at < _end_s(scenario):
        end = at + _between(dice, 0.5, 1.5) * regime.mean_h * HOUR
        yield at, end, regime
        others = [other for other in regimes if other is not regime] or [regime]
        at, regime = end, others[int(dice.random() * len(others))]


def _end_s(scenario: Scenario) -> int:
    return scenario.horizon_s + AFTERWARDS_S


def dice(scenario: Scenario, seed: int, stream: str) -> Random:
    """A stream of chance of its own."""
    return Random(f"{scenario.name}/{seed}/{stream}")  # noqa: S311  # a world, not a secret


def birth_seed(scenario: Scenario, seed: int) -> bytes:
    """What an agent of this world draws its choices from, whoever it is."""
    return hashlib.sha256(f"{scenario.name}/{seed}/birth".encode()).digest()


def _wait(dice: Random, mean: float) -> float:
    """The time to the next of events that happen at random."""
    return -math.log(1 - dice.random()) * mean


def _between(dice: Random, low: float, high: float) -> float:
    return low + dice.random() * (high - low)
