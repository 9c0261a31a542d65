"""How long a life could last at most, for one who knows everything that will happen. Pure.

An upper bound, not a plan, for worlds in which jobs are all there is to earn. What binds an agent
binds it too where that can be reckoned: a job is done only while no rival has it, one at a block;
rent is at least what a provider asked in the span that a lease can cover. Everything else is as
good as can be: gas at its cheapest while a job can be done, the station's price at the lowest it
ever is, leases, refuelling and the ending for nothing. What nobody can beat under these easier
rules, nobody can under the real ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from chain.types import RATE_SCALE
from strategies.port import Placing
from world.backtest.imagining import imagined
from world.backtest.record import FIRST_S, TIP, WEI_PER_ETH, Job, Record, value_at
from world.scenario import HOUR, Scenario

LEAST_GAS: Final = 80_000
LEAST_GAS_PER_STEP: Final = 110
"""Below what doing a job was ever seen to take."""
STATION_LOW: Final = 2
"""The station's price moves between half and twice its mean."""
KNOWN: Final = frozenset({"hold", "thrift", "keeper"})
"""Strategies whose income is jobs, or none."""


def foreseen(scenario: Scenario) -> bool:
    """Whether the bound holds there: a pool, a vault or buyers bring income of another kind."""
    return set(scenario.use) <= KNOWN


@dataclass(slots=True)
class Matching:
    """Jobs and the blocks they are done at; grows by one block at a time, always of most weight."""

    opens: Sequence[Sequence[int]]
    """For each block, the jobs that could be done at it."""
    weights: Sequence[int]
    block_of: dict[int, int] = field(default_factory=dict)
    total: int = 0

    def add(self, block: int) -> None:
        """The heaviest job that one more block makes room for, moving others aside."""
        came: dict[int, int | None] = {}
        queue: deque[int] = deque()
        for job in self.opens[block]:
            came[job] = None
            queue.append(job)
        at_block = dict.fromkeys(came, block)
        best: int | None = None
        while queue:
            job = queue.popleft()
            held = self.block_of.get(job)
            if held is None:
                if best is None or self.weights[job] > self.weights[best]:
                    best = job
                continue
            for other in self.opens[held]:
                if other not in came:
                    came[other] = job
                    at_block[other] = held
                    queue.append(other)
        if best is None or self.weights[best] <= 0:
            return
        self.total += self.weights[best]
        moved: int | None = best
        while moved is not None:
            self.block_of[moved] = at_block[moved]
            moved = came[moved]


def clairvoyant_h(scenario: Scenario, seed: int) -> float:
    """Paid hours at most, up to the horizon, the operator's first lease included."""
    return bound_h(scenario, imagined(scenario, seed))


def bound_h(scenario: Scenario, record: Record) -> float:
    """The same for a past that is known already."""
    grant = scenario.endowment
    low = scenario.gas.station_micro // STATION_LOW
    deposit = int(grant.first_lease_h * HOUR * value_at(record.rents[0].path, 0) // RATE_SCALE)
    start = grant.micro + grant.wei * low // WEI_PER_ETH + deposit
    money = [start + sum_ for sum_ in earnings(scenario, record)]
    rates = cheapest(scenario, record, len(money))
    live = _sleeping if grant.placing is Placing.REMOTE else _waking
    return min(live(money, rates, scenario.time.block_s), scenario.horizon_s) / HOUR


def _waking(money: Sequence[int], rates: Sequence[int], block_s: int) -> int:
    """Seconds paid for one after the other, until the money is gone."""
    spent = 0
    for i, rate in enumerate(rates):
        affordable = (money[i] - spent) * RATE_SCALE // rate
        if affordable < block_s:
            return i * block_s + max(0, affordable)
        spent += rate * block_s // RATE_SCALE
    return len(rates) * block_s


def _sleeping(money: Sequence[int], rates: Sequence[int], block_s: int) -> int:
    """Whoever may sleep pays for the cheapest: when money is short the dearest are dropped."""
    paid: list[tuple[int, int]] = []
    spent = seconds = 0
    for i, rate in enumerate(rates):
        heappush(paid, (-rate, block_s))
        spent, seconds = spent + rate * block_s, seconds + block_s
        while (over := spent - money[i] * RATE_SCALE) > 0:
            dearest, stay_s = heappop(paid)
            dropped = min(stay_s, over // -dearest)
            spent, seconds = spent + dearest * dropped, seconds - dropped
            if dropped < stay_s:
                heappush(paid, (dearest, stay_s - dropped))
                break
    return seconds


def earnings(scenario: Scenario, record: Record) -> list[int]:
    """The most that can have been earned by each block, over gas."""
    block_s = scenario.time.block_s
    blocks = scenario.horizon_s // block_s + 2
    low = scenario.gas.station_micro // STATION_LOW
    weights = [_weight(job, record, low) for job in record.jobs]
    opens: list[list[int]] = [[] for _ in range(blocks)]
    for i, job in enumerate(record.jobs):
        first = max(0, -(-(max(job.due_s, job.posted_s) - FIRST_S) // block_s))
        last = (min(job.deadline_s, job.taken_s - 1) - FIRST_S) // block_s
        if weights[i] > 0:
            for block in range(first, min(last + 1, blocks)):
                opens[block].append(i)
    matching, earned = Matching(opens, weights), []
    for block in range(blocks):
        matching.add(block)
        earned.append(matching.total)
    return earned


def _weight(job: Job, record: Record, micro_per_eth: int) -> int:
    """The reward over the gas it takes at the best moment."""
    until = min(job.deadline_s, job.taken_s)
    fees = [value_at(record.gas, job.due_s)]
    fees += [fee for since, fee in record.gas if job.due_s <= since <= until]
    gas = LEAST_GAS + LEAST_GAS_PER_STEP * job.work
    return job.reward - gas * (min(fees) + TIP) * micro_per_eth // WEI_PER_ETH


def cheapest(scenario: Scenario, record: Record, blocks: int) -> list[int]:
    """For each block, the least rate at which a lease that covers it may have been opened."""
    block_s = scenario.time.block_s
    embodied = scenario.endowment.placing is Placing.EMBODIED
    rents = record.rents[:1] if embodied else record.rents
    spans = [int(p.max_h * HOUR) // block_s + 1 for p in scenario.providers[: len(rents)]]
    asked = [[value_at(rent.path, FIRST_S + i * block_s) for i in range(blocks)] for rent in rents]
    return [
        min(min(path[max(0, i - span) : i + 1]) for path, span in zip(asked, spans, strict=True))
        for i in range(blocks)
    ]
