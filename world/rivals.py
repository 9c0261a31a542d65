"""Everybody else who does jobs; each goes by a policy, and reacts to what he sees."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from chain.events import Event
from chain.types import Block, Call
from world.deploy import RICH, Deployment, role
from world.events import reaction_s
from world.pocket import Pocket
from world.scenario import HOUR, Scenario
from world.tables import Policy, Rival

if TYPE_CHECKING:
    from world.devnet import Devnet
    from world.gazette import Gazette

PERFORM: Final = "performUpkeep(bytes)"
TIP: Final = 10**9
WEI_PER_ETH: Final = 10**18
GAS_BASE: Final = 140_000
GAS_PER_STEP: Final = 150
FOLLOWED_S: Final = 6 * HOUR
"""For so long a follower remembers what others did."""


@dataclass(frozen=True, slots=True)
class Job:
    """As its poster announced it."""

    id: int
    stream: int
    reward: int
    due: int
    deadline: int
    work: int

    @property
    def gas(self) -> int:
        return GAS_BASE + GAS_PER_STEP * self.work


@dataclass(frozen=True, slots=True)
class Sky:
    """What a rival's haste depends on."""

    gas_price: int
    cheap: bool
    usual: Sequence[int]
    """Rewards of the streams, on average."""
    others: int
    """Jobs that somebody else has done of late."""


@dataclass(slots=True)
class Worker:
    """One rival: his money, what he has tried, and what he saw others do."""

    rival: Rival
    pocket: Pocket
    streams: frozenset[int]
    tried: set[int] = field(default_factory=set)
    seen: deque[int] = field(default_factory=deque)


class Rivals:
    """Watch the board; take what each has come round to."""

    def __init__(
        self, devnet: Devnet, at: Deployment, scenario: Scenario, seed: int, gazette: Gazette
    ) -> None:
        self.counts: Counter[str] = Counter()
        """Jobs posted, and those that a rival took."""
        self._devnet = devnet
        self._board = at.job_board
        self._scenario = scenario
        self._seed = seed
        self._gazette = gazette
        self._open: dict[int, Job] = {}
        self._posters: dict[str, int] = {}
        for i, stream in enumerate(scenario.jobs):
            self._posters[role(f"poster {stream.name}").address] = i
        self._workers = [self._worker(rival) for rival in scenario.rivals]
        regimes = [stream.regimes for stream in scenario.jobs]
        self._usual = [sum(r.reward_micro for r in each) // len(each) for each in regimes]
        fees = [regime.base_fee_wei for regime in scenario.gas.regimes]
        self._cheap_wei = sum(fees) // len(fees)

    async def found(self) -> None:
        addresses = (worker.pocket.address for worker in self._workers)
        await asyncio.gather(*(self._devnet.give_wei(each, RICH) for each in addresses))

    async def act(self, block: Block) -> None:
        for event in await self._gazette.news(block):
            self._hear(event, block)
        for job in [job for job in self._open.values() if job.deadline < block.at]:
            del self._open[job.id]
        await asyncio.gather(*(self._work(worker, block) for worker in self._workers))

    def _worker(self, rival: Rival) -> Worker:
        named = rival.jobs or tuple(stream.name for stream in self._scenario.jobs)
        streams = (i for i, s in enumerate(self._scenario.jobs) if s.name in named)
        return Worker(rival, Pocket(self._devnet, role(f"rival {rival.name}")), frozenset(streams))

    def _hear(self, event: Event, block: Block) -> None:
        said = cast("Mapping[str, int]", event.args)
        if event.name == "JobPosted":
            stream = self._posters.get(str(event.args["poster"]))
            if stream is not None:
                self.counts["posted"] += 1
                id_, reward, work = said["job"], said["reward"], said["work"]
                due, deadline = said["notBefore"], said["deadline"]
                self._open[id_] = Job(id_, stream, reward, due, deadline, work)
        elif event.name == "JobDone":
            self._open.pop(said["job"], None)
            for worker in self._workers:
                if event.args["by"] != worker.pocket.address:
                    worker.seen.append(block.at)
                else:
                    self.counts["taken"] += 1

    async def _work(self, worker: Worker, block: Block) -> None:
        while worker.seen and worker.seen[0] < block.at - FOLLOWED_S:
            worker.seen.popleft()
        price = self._devnet.base_fee + TIP
        sky = Sky(price, self._devnet.base_fee <= self._cheap_wei, self._usual, len(worker.seen))
        for job in list(self._open.values()):
            if job.id in worker.tried or job.stream not in worker.streams:
                continue
            wait = reaction_s(self._scenario, self._seed, worker.rival, job.reward, job.work)
            wait = None if wait is None else haste(worker.rival.policy, wait, job, sky)
            if wait is None or block.at < job.due + wait:
                continue
            worker.tried.add(job.id)
            if self._pays(worker.rival, job, price):
                data = "0x" + job.id.to_bytes(32, "big").hex()
                await worker.pocket.send(Call(self._board, PERFORM, (data,), gas=job.gas))

    def _pays(self, rival: Rival, job: Job, price: int) -> bool:
        cost = job.gas * price * self._scenario.gas.station_micro // WEI_PER_ETH
        return rival.policy is Policy.ACCOMPLICE or job.reward - cost >= rival.least_micro


def haste(policy: Policy, wait: int, job: Job, sky: Sky) -> int | None:
    """How long after a job can be done he goes for it under this sky; None for not now. Pure."""
    match policy:
        case Policy.ACCOMPLICE:
            return 0
        case Policy.HUNGRY:
            return wait * sky.usual[job.stream] // job.reward
        case Policy.FOLLOWER:
            return wait * 2 // (2 + sky.others)
        case Policy.FRUGAL:
            return wait if sky.cheap else None
        case Policy.STORMY:
            return None if sky.cheap else wait
        case Policy.PATIENT:
            return wait
