"""A world's past as its seed has it, if no agent were there: the same that its chain would show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from world.backtest.lodging import lodgers
from world.backtest.record import (
    FIRST_S,
    NEVER,
    Course,
    Job,
    Record,
    Rent,
    acted_s,
    moves,
    shown_s,
)
from world.backtest.taking import takings
from world.events import Event, GasMove, Posting, RentMove, Silence, events
from world.scenario import Scenario

E = TypeVar("E", bound=Event)


def imagined(scenario: Scenario, seed: int) -> Record:
    """What would be recorded if no agent were there."""
    happening, block_s = events(scenario, seed), scenario.time.block_s
    fees = [(e.at_s, int(e.base_fee)) for e in _of(GasMove, happening)]
    rents = tuple(
        Rent(
            provider.name,
            moves(
                (shown_s(e.at_s, block_s), e.rate)
                for e in _of(RentMove, happening)
                if e.provider == i
            ),
            silent=_silent(e for e in _of(Silence, happening) if e.provider == i),
        )
        for i, provider in enumerate(scenario.providers)
    )
    past = Record(
        scenario=scenario.name,
        seed=seed,
        jobs=_jobs(scenario, seed, _of(Posting, happening), fees),
        rents=rents,
        gas=moves((shown_s(at, block_s), fee) for at, fee in fees),
    )
    crowds = lodgers(scenario, past, happening)
    rents = tuple(replace(rent, crowd=crowd) for rent, crowd in zip(rents, crowds, strict=True))
    return replace(past, rents=rents)


def _of(kind: type[E], happening: Iterable[Event]) -> list[E]:
    return [event for event in happening if isinstance(event, kind)]


def _jobs(
    scenario: Scenario, seed: int, postings: Sequence[Posting], fees: Sequence[tuple[int, int]]
) -> tuple[Job, ...]:
    block_s = scenario.time.block_s
    posted = [(shown_s(each.at_s, block_s), each) for each in _numbered(postings, block_s)]
    taken = takings(scenario, seed, posted, fees, FIRST_S + block_s)
    return tuple(
        Job(
            id=number,
            reward=int(posting.reward),
            due_s=posting.not_before_s,
            deadline_s=posting.deadline_s,
            work=posting.work,
            posted_s=shown,
            taken_s=taken.get(number, NEVER),
        )
        for number, (shown, posting) in enumerate(posted, 1)
    )


def _numbered(postings: Sequence[Posting], block_s: int) -> list[Posting]:
    """In the order that the board numbers them: in one block each poster's first goes first."""
    turns: dict[tuple[int, int], int] = {}
    firsts: dict[tuple[int, int], int] = {}
    order: list[tuple[int, int, int, Posting]] = []
    for i, posting in enumerate(postings):
        block = acted_s(posting.at_s, block_s)
        whose = block, posting.stream
        turns[whose] = turns.get(whose, -1) + 1
        order.append((block, turns[whose], firsts.setdefault(whose, i), posting))
    return [posting for *_, posting in sorted(order, key=lambda each: each[:3])]


def _silent(turns: Iterable[Silence]) -> Course:
    spells: list[tuple[int, int]] = []
    for turn in turns:
        if turn.silent:
            spells.append((turn.at_s, NEVER))
        else:
            spells[-1] = (spells[-1][0], turn.at_s)
    return tuple(spells)
