"""Which jobs rivals take, and when, if nobody else is there: they react to each other. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from world.backtest.record import TIP, WEI_PER_ETH, value_at
from world.events import Posting, reaction_s
from world.rivals import FOLLOWED_S, Job, Sky, haste
from world.scenario import Scenario
from world.tables import Policy, Rival


@dataclass(slots=True)
class Worker:
    """One rival: what he has tried, when others did something, and how soon he comes round."""

    rival: Rival
    streams: frozenset[int]
    tried: set[int] = field(default_factory=set)
    seen: deque[int] = field(default_factory=deque)
    waits: dict[int, int | None] = field(default_factory=dict)


def takings(
    scenario: Scenario,
    seed: int,
    posted: Sequence[tuple[int, Posting]],
    fees: Sequence[tuple[int, int]],
    first_s: int,
) -> Mapping[int, int]:
    """By a job's number, the block at which a rival goes for it and gets it.

    `posted` says from when each is seen; fees are those that actors know: of the next block.
    """
    board = Board(scenario, seed, posted)
    levels = [regime.base_fee_wei for regime in scenario.gas.regimes]
    regimes = [stream.regimes for stream in scenario.jobs]
    usual = [sum(r.reward_micro for r in each) // len(each) for each in regimes]
    last = max((posting.deadline_s for _, posting in posted), default=0)
    for at in range(first_s, last + 1, scenario.time.block_s):
        fee = value_at(fees, at)
        board.hear(at)
        board.go(at, Sky(fee + TIP, fee <= sum(levels) // len(levels), usual, 0))
    return board.taken


class Board:
    """Jobs and rivals, block by block."""

    def __init__(
        self, scenario: Scenario, seed: int, posted: Sequence[tuple[int, Posting]]
    ) -> None:
        self.taken: dict[int, int] = {}
        self._scenario = scenario
        self._seed = seed
        self._block_s = scenario.time.block_s
        numbered = [(shown, _job(i, posting)) for i, (shown, posting) in enumerate(posted, 1)]
        self._coming = deque(sorted(numbered, key=lambda each: (each[0], each[1].id)))
        self._workers = [_worker(scenario, rival) for rival in scenario.rivals]
        self._open: dict[int, Job] = {}
        self._won: list[tuple[int, Worker]] = []

    def hear(self, at: int) -> None:
        """What the last block brought."""
        for number, winner in self._won:
            del self._open[number]
            for worker in self._workers:
                if worker is not winner:
                    worker.seen.append(at)
        self._won = []
        while self._coming and self._coming[0][0] <= at:
            job = self._coming.popleft()[1]
            self._open[job.id] = job
        self._open = {number: job for number, job in self._open.items() if job.deadline >= at}

    def go(self, at: int, sky: Sky) -> None:
        """Everybody sends for what he has come round to; whoever sends first gets it."""
        sent = [
            (turn, number, worker)
            for worker in self._workers
            for turn, number in enumerate(self._tries(worker, at, sky))
        ]
        for _, number, worker in sorted(sent, key=lambda each: each[0]):
            in_time = at + self._block_s <= self._open[number].deadline
            if in_time and number not in self.taken:
                self.taken[number] = at
                self._won.append((number, worker))

    def _tries(self, worker: Worker, at: int, sky: Sky) -> Iterator[int]:
        while worker.seen and worker.seen[0] < at - FOLLOWED_S:
            worker.seen.popleft()
        sky = replace(sky, others=len(worker.seen))
        for job in self._open.values():
            if job.stream not in worker.streams or job.id in worker.tried or at < job.due:
                continue
            wait = self._wait(worker, job)
            soon = None if wait is None else haste(worker.rival.policy, wait, job, sky)
            if soon is None or at < job.due + soon:
                continue
            worker.tried.add(job.id)
            if self._pays(worker.rival, job, sky.gas_price):
                yield job.id

    def _wait(self, worker: Worker, job: Job) -> int | None:
        if job.id not in worker.waits:
            drawn = reaction_s(self._scenario, self._seed, worker.rival, job.reward, job.work)
            worker.waits[job.id] = drawn
        return worker.waits[job.id]

    def _pays(self, rival: Rival, job: Job, gas_price: int) -> bool:
        cost = job.gas * gas_price * self._scenario.gas.station_micro // WEI_PER_ETH
        return rival.policy is Policy.ACCOMPLICE or job.reward - cost >= rival.least_micro


def _worker(scenario: Scenario, rival: Rival) -> Worker:
    named = rival.jobs or tuple(stream.name for stream in scenario.jobs)
    return Worker(rival, frozenset(i for i, s in enumerate(scenario.jobs) if s.name in named))


def _job(number: int, posting: Posting) -> Job:
    reward, due, deadline = int(posting.reward), posting.not_before_s, posting.deadline_s
    return Job(number, posting.stream, reward, due, deadline, posting.work)
