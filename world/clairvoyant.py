"""How long a life could last at most, for one who knows everything that will happen. Pure.

An upper bound, not a plan: jobs are matched to blocks so that by every block the most that can have
been earned is known (one job a block, each only while no rival has it, gas at the station's lowest
price); rent is what the cheapest provider has asked in the span that one lease can cover; leases,
refuelling and the ending cost no block and no gas. What no agent can beat under these easier rules,
none can beat under the real ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from chain.types import RATE_SCALE
from strategies.port import Placing
from world.backtest.record import NEVER, TIP, WEI_PER_ETH, Job, Record, imagined, value_at
from world.scenario import HOUR, Scenario

LEAST_GAS: Final = 80_000
LEAST_GAS_PER_STEP: Final = 110
"""Below what doing a job was ever seen to take."""
STATION_LOW: Final = 2
"""The station's price moves between half and twice its mean."""


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
        at_block = {job: block for job in came}
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
    """Paid hours at most, the operator's first lease included."""
    record = imagined(scenario, seed)
    earned = earnings(scenario, record)
    block_s, first_s = scenario.time.block_s, int(scenario.endowment.first_lease_h * HOUR)
    low = scenario.gas.station_micro // STATION_LOW
    start = scenario.endowment.micro + scenario.endowment.wei * low // WEI_PER_ETH
    rates = cheapest(scenario, record, len(earned))
    horizon = scenario.horizon_s
    if scenario.endowment.placing is Placing.REMOTE:
        return _sleeping(start, earned, rates, block_s, first_s, horizon) / HOUR
    spent = 0
    for i, rate in enumerate(rates):
        at = i * block_s
        if at >= first_s:
            spent += rate * block_s // RATE_SCALE
        if spent > start + earned[i]:
            return min(at, horizon) / HOUR
    return horizon / HOUR


def _sleeping(
    start: int,
    earned: Sequence[int],
    rates: Sequence[int],
    block_s: int,
    first_s: int,
    horizon: int,
) -> int:
    """Whoever may sleep pays for the cheapest hours: the dearest are dropped when money is short."""
    paid: list[int] = []
    spent = free = 0
    for i, rate in enumerate(rates):
        if i * block_s >= horizon:
            break
        if i * block_s < first_s:
            free += block_s
            continue
        cost = rate * block_s // RATE_SCALE
        spent += cost
        heappush(paid, -cost)
        while spent > start + earned[i]:
            spent += heappop(paid)
    return min(horizon, free + len(paid) * block_s)


def earnings(scenario: Scenario, record: Record) -> list[int]:
    """The most that can have been earned by each block, over gas."""
    block_s = scenario.time.block_s
    blocks = scenario.horizon_s // block_s + 2
    low = scenario.gas.station_micro // STATION_LOW
    opens: list[list[int]] = [[] for _ in range(blocks)]
    weights = [_weight(job, record, low) for job in record.jobs]
    for i, job in enumerate(record.jobs):
        first = max(1, -(-max(job.due_s, job.posted_s) // block_s))
        last = min(job.deadline_s, job.taken_s - 1) // block_s
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
    if until >= NEVER:
        return 0
    fees = [value_at(record.gas, job.due_s)]
    fees += [fee for since, fee in record.gas if job.due_s <= since <= until]
    gas = LEAST_GAS + LEAST_GAS_PER_STEP * job.work
    return job.reward - gas * (min(fees) + TIP) * micro_per_eth // WEI_PER_ETH


def cheapest(scenario: Scenario, record: Record, blocks: int) -> list[int]:
    """For each block, the least rate at which a lease that covers it may have been opened."""
    block_s = scenario.time.block_s
    embodied = scenario.endowment.placing is Placing.EMBODIED
    rents = record.rents[:1] if embodied else record.rents
    spans = [int(p.max_h * HOUR) // block_s for p in scenario.providers[: len(rents)]]
    asked = [[value_at(rent.path, i * block_s) for i in range(blocks)] for rent in rents]
    return [
        min(min(path[max(0, i - span) : i + 1]) for path, span in zip(asked, spans, strict=True))
        for i in range(blocks)
    ]
