"""What happens in a world, and when: a pure function of scenario and seed.

Only uniform draws are used, so that no version of Python changes a world. Each stream has a
generator of its own: more jobs do not move the price of gas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol, TypeVar

from chain.types import RATE_SCALE, Micro, Wei
from world.scenario import HOUR, Rival, Scenario

AFTERWARDS_S: Final = 6 * HOUR
"""The world goes on a little after the horizon, for whoever is late."""


@dataclass(frozen=True, slots=True)
class Posting:
    """Somebody offers a job; `not_before_s` and `deadline_s` count from the start, like `at_s`."""

    at_s: int
    poster: int
    reward: Micro
    not_before_s: int
    deadline_s: int
    work: int


@dataclass(frozen=True, slots=True)
class RentMove:
    """The provider asks another rate from now on: micro-units a second times 10¹⁸."""

    at_s: int
    rate: int


@dataclass(frozen=True, slots=True)
class GasMove:
    """The base fee changes."""

    at_s: int
    base_fee: Wei


Event = Posting | RentMove | GasMove


class _Spell(Protocol):
    @property
    def mean_h(self) -> float: ...


S = TypeVar("S", bound=_Spell)


def events(scenario: Scenario, seed: int) -> tuple[Event, ...]:
    """Everything that happens of itself, in order of time since the start."""
    happening: list[Event] = [
        *_postings(scenario, _dice(scenario, seed, "jobs")),
        *_rent_moves(scenario, _dice(scenario, seed, "rent")),
        *_gas_moves(scenario, _dice(scenario, seed, "gas")),
    ]
    return tuple(sorted(happening, key=lambda event: event.at_s))


def rent_path(happening: Sequence[Event]) -> tuple[tuple[int, int], ...]:
    """The provider's price path: (seconds since the start, rate)."""
    return tuple((event.at_s, event.rate) for event in happening if isinstance(event, RentMove))


def reaction_s(scenario: Scenario, seed: int, rival: Rival, reward: int, work: int) -> int:
    """How long after a job can be done this rival would do it.

    Drawn from what the job is and not from its number, which depends on who was in the same block.
    """
    dice = _dice(scenario, seed, f"{rival.name}/{reward}/{work}")
    return int(_wait(dice, rival.reaction_h * HOUR))


def _postings(scenario: Scenario, dice: Random) -> Iterator[Posting]:
    jobs = scenario.jobs
    for start, end, regime in _spells(jobs.regimes, scenario, dice):
        at = start
        while regime.per_hour > 0 and (at := at + _wait(dice, HOUR / regime.per_hour)) < end:
            early = dice.random() < jobs.early_share
            due = at + (dice.random() * jobs.early_h * HOUR if early else 0)
            window = _between(dice, *jobs.window_h) * HOUR
            reward = regime.reward_micro * jobs.spread ** (2 * dice.random() - 1)
            yield Posting(
                at_s=int(at),
                poster=int(dice.random() * jobs.posters),
                reward=Micro(int(reward)),
                not_before_s=int(due),
                deadline_s=int(due + window),
                work=int(dice.random() * (jobs.work_max + 1)),
            )


def _rent_moves(scenario: Scenario, dice: Random) -> Iterator[RentMove]:
    for start, _end, regime in _spells(scenario.rent.regimes, scenario, dice):
        yield RentMove(int(start), regime.hour_micro * RATE_SCALE // HOUR)


def _gas_moves(scenario: Scenario, dice: Random) -> Iterator[GasMove]:
    for start, _end, regime in _spells(scenario.gas.regimes, scenario, dice):
        yield GasMove(int(start), Wei(regime.base_fee_wei))


def _spells(
    regimes: Sequence[S], scenario: Scenario, dice: Random
) -> Iterator[tuple[float, float, S]]:
    """One regime after the other, each for a while, the first one first."""
    at, regime = 0.0, regimes[0]
    while at < scenario.horizon_s + AFTERWARDS_S:
        end = at + _between(dice, 0.5, 1.5) * regime.mean_h * HOUR
        yield at, end, regime
        others = [other for other in regimes if other is not regime] or [regime]
        at, regime = end, others[int(dice.random() * len(others))]


def _dice(scenario: Scenario, seed: int, stream: str) -> Random:
    return Random(f"{scenario.name}/{seed}/{stream}")  # noqa: S311  # a world, not a secret


def _wait(dice: Random, mean: float) -> float:
    """The time to the next of events that happen at random."""
    return -math.log(1 - dice.random()) * mean


def _between(dice: Random, low: float, high: float) -> float:
    return low + dice.random() * (high - low)
