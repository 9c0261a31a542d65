"""What a replayed life deals with: jobs and who took them, the lease market, gas, its station."""

from __future__ import annotations

from collections import deque
from typing import Final

from chain.types import RATE_SCALE, Micro, Wei
from world.backtest.leases import Leases
from world.backtest.record import FIRST_S, TIP, Job, Record, value_at
from world.scenario import HOUR, Scenario
from world.station import price, weather

START: Final = 1_767_225_603
"""The chain's second in which an arena's worlds start: what the gas station asks hangs on it."""
BORN_S: Final = 1
FIRST_BLOCK: Final = 6


class Town:
    """A record, as it is at one block after the other."""

    def __init__(self, scenario: Scenario, record: Record) -> None:
        self.scenario = scenario
        self.block_s = scenario.time.block_s
        self.jobs = {job.id: job for job in record.jobs}
        self.leases = Leases(scenario, record)
        self._record = record
        self._weather = weather(scenario.name, record.seed)
        self._coming = deque(sorted(record.jobs, key=lambda job: (job.posted_s, job.id)))
        self._open: list[Job] = []
        self._done: set[int] = set()

    def number(self, now: int) -> int:
        """The block's."""
        return (now - FIRST_S) // self.block_s + FIRST_BLOCK

    def base_fee(self, now: int) -> Wei:
        return Wei(value_at(self._record.gas, now))

    def gas_price(self, now: int) -> Wei:
        return Wei(self.base_fee(now) + TIP)

    def eth_price(self, now: int) -> Micro:
        return Micro(price(self.scenario.gas.station_micro, self._weather, START + now))

    def due(self, now: int) -> list[Job]:
        """What can be done at this block, the best paid first; blocks are asked about in order."""
        while self._coming and self._coming[0].posted_s <= now:
            self._open.append(self._coming.popleft())
        self._open = [job for job in self._open if self._can_be_done(job, now)]
        due = [job for job in self._open if job.due_s <= now]
        return sorted(due, key=lambda job: (-job.reward, job.id))

    def work(self, job: Job, now: int) -> bool:
        """In this block, unless it was somebody else's in the one before."""
        if not self._can_be_done(job, now):
            return False
        self._done.add(job.id)
        return True

    def move_in(self) -> None:
        """The operator opens the lease that a life is born on."""
        rate = self.leases.rate(1, 0)
        deposit = int(self.scenario.endowment.first_lease_h * HOUR * rate // RATE_SCALE)
        self.leases.open(1, rate, deposit, 0)
        self.leases.look(0)
        self.leases.attend(BORN_S)

    def _can_be_done(self, job: Job, now: int) -> bool:
        taken = job.taken_s <= now - self.block_s or job.id in self._done
        return not taken and now <= job.deadline_s
