"""What went on in a world while somebody looked on: jobs, rents and gas, and who took what when.

Made from a chain's own events, or imagined from a scenario's seed as if nobody else were there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from chain.types import RATE_SCALE
from world.events import GasMove, Posting, RentMove, Silence, events, reaction_s
from world.rivals import Job as Seen
from world.rivals import Sky, haste
from world.scenario import HOUR, Policy, Scenario

TIP: Final = 10**9
WEI_PER_ETH: Final = 10**18
NEVER: Final = 2**53


@dataclass(frozen=True, slots=True)
class Job:
    """Times in seconds since the start; `taken_s` is when somebody else had it."""

    id: int
    reward: int
    due_s: int
    deadline_s: int
    work: int
    posted_s: int
    taken_s: int


@dataclass(frozen=True, slots=True)
class Rent:
    """A provider's prices, and when his machines were silent."""

    name: str
    path: tuple[tuple[int, int], ...]
    silent: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One world's past."""

    scenario: str
    seed: int
    jobs: tuple[Job, ...]
    rents: tuple[Rent, ...]
    gas: tuple[tuple[int, int], ...]

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
                Rent(
                    rent["name"],
                    tuple((at, rate) for at, rate in rent["path"]),
                    tuple((at, until) for at, until in rent["silent"]),
                )
                for rent in raw["rents"]
            ),
            tuple((at, fee) for at, fee in raw["gas"]),
        )


def value_at(path: Sequence[tuple[int, int]], second: int) -> int:
    """What holds then of a path of (since, value)."""
    held = path[0][1]
    for since, value in path:
        if since > second:
            break
        held = value
    return held


def imagined(scenario: Scenario, seed: int) -> Record:
    """What would be recorded if no agent were there."""
    happening = events(scenario, seed)
    gas = tuple((e.at_s, int(e.base_fee)) for e in happening if isinstance(e, GasMove))
    rents = tuple(
        Rent(
            provider.name,
            tuple(
                (e.at_s, e.rate) for e in happening if isinstance(e, RentMove) and e.provider == i
            ),
            _silent([e for e in happening if isinstance(e, Silence) and e.provider == i]),
        )
        for i, provider in enumerate(scenario.providers)
    )
    postings = [event for event in happening if isinstance(event, Posting)]
    jobs = tuple(
        Job(
            number,
            int(posting.reward),
            posting.not_before_s,
            posting.deadline_s,
            posting.work,
            posting.at_s,
            _taken_s(scenario, seed, posting, number, gas),
        )
        for number, posting in enumerate(postings, 1)
    )
    return Record(scenario.name, seed, jobs, rents, gas)


def _taken_s(
    scenario: Scenario, seed: int, posting: Posting, number: int, gas: Sequence[tuple[int, int]]
) -> int:
    """The block at which the first rival goes for it, if any does and it pays him."""
    block_s, stream = scenario.time.block_s, scenario.jobs[posting.stream]
    usual = [sum(r.reward_micro for r in s.regimes) // len(s.regimes) for s in scenario.jobs]
    fees = [regime.base_fee_wei for regime in scenario.gas.regimes]
    cheap = sum(fees) // len(fees)
    job = Seen(number, posting.stream, int(posting.reward), posting.not_before_s,
               posting.deadline_s, posting.work)  # fmt: skip
    first = NEVER
    for rival in scenario.rivals:
        if rival.jobs and stream.name not in rival.jobs:
            continue
        wait = reaction_s(scenario, seed, rival, job.reward, job.work)
        if wait is None:
            continue
        at = -(-max(posting.not_before_s, posting.at_s + 1) // block_s) * block_s
        while at <= posting.deadline_s and at < first:
            price = value_at(gas, at) + TIP
            came = haste(rival.policy, wait, job, Sky(price, price - TIP <= cheap, usual, 0))
            if came is not None and at >= posting.not_before_s + came:
                cost = job.gas * price * scenario.gas.station_micro // WEI_PER_ETH
                if rival.policy is Policy.ACCOMPLICE or job.reward - cost >= rival.least_micro:
                    first = at
                break
            at += block_s
    return first


def _silent(turns: Sequence[Silence]) -> tuple[tuple[int, int], ...]:
    spells: list[tuple[int, int]] = []
    for turn in turns:
        if turn.silent:
            spells.append((turn.at_s, NEVER))
        else:
            spells[-1] = (spells[-1][0], turn.at_s)
    return tuple(spells)


def hour_micro(rate: int) -> int:
    return rate * HOUR // RATE_SCALE
