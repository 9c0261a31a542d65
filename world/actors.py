"""Everybody else in the world: those who post jobs, a rival who does them, and the price of gas.

They act on new blocks, by the scenario's events, which count from the block the world starts at.
Nothing they fail at stops the world: a call that is refused or lost is dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, cast

import structlog

from chain.contracts import APPROVE
from chain.errors import ChainError
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Block, Call, Micro
from world.deploy import RICH, Deployment, mint, role
from world.devnet import Devnet
from world.events import Event, GasMove, Posting, events, reaction_s
from world.scenario import Rival, Scenario

log = structlog.get_logger(__name__)

WEI_PER_ETH: Final = 10**18
TIP: Final = 10**9
MAX: Final = 2**256 - 1
_JOB: Final = "(address,uint256,uint64,uint64,uint32,bytes32,address,bool)"
OPEN_JOBS: Final = f"openJobs(uint256,uint256)(uint256[],{_JOB}[],uint256)"
SCAN_N: Final = 100


@dataclass(slots=True)
class Rivalry:
    """One rival: his money, and what he has tried."""

    rival: Rival
    purse: Purse
    tried: set[int] = field(default_factory=set)


class Actors:
    """Founded once, then run beside the miner until cancelled."""

    def __init__(
        self, devnet: Devnet, deployment: Deployment, scenario: Scenario, seed: int
    ) -> None:
        self.counts: Counter[str] = Counter()
        """How often what was done: posted, taken, late (the agent was faster), lost."""
        self._devnet = devnet
        self._at = deployment
        self._scenario = scenario
        self._seed = seed
        self._events: tuple[Event, ...] = events(scenario, seed)
        self._posters = [
            Purse(devnet.client, role(f"poster {i}")) for i in range(scenario.jobs.posters)
        ]
        self._rivals = [
            Rivalry(rival, Purse(devnet.client, role(rival.name))) for rival in scenario.rivals
        ]

    async def found(self) -> None:
        """Give everybody their money; somebody must be mining."""
        for purse in (*self._posters, *(rivalry.purse for rivalry in self._rivals)):
            await self._devnet.give_wei(purse.address, RICH)
        await asyncio.gather(*(self._endow(i, purse) for i, purse in enumerate(self._posters)))

    async def run(self) -> None:
        """Live through the events, the present block being the start."""
        start = block = self._devnet.head
        coming = 0
        async with asyncio.TaskGroup() as doing:
            while True:
                while coming < len(self._events) and (
                    self._events[coming].at_s <= block.at - start.at
                ):
                    self._happen(self._events[coming], start, doing)
                    coming += 1
                await self._compete(block, doing)
                block = await self._devnet.after(block.number)

    def _happen(self, event: Event, start: Block, doing: asyncio.TaskGroup) -> None:
        match event:
            case GasMove():
                self._devnet.base_fee = event.base_fee
            case Posting():
                poster = self._posters[event.poster]
                doing.create_task(self._try("posted", poster, self._posting(event, start)))

    def _posting(self, event: Posting, start: Block) -> Call:
        due, deadline = start.at + event.not_before_s, start.at + event.deadline_s
        args = (event.reward, due, deadline, event.work)
        return Call(self._at.job_board, "post(uint256,uint64,uint64,uint32)", args)

    async def _compete(self, block: Block, doing: asyncio.TaskGroup) -> None:
        """Let each rival do what he has come round to by now."""
        if not self._rivals:
            return
        try:
            jobs, eth_price = await self._look()
        except ChainError as fault:
            log.warning("actors.blind", fault=type(fault).__name__)
            return
        gas_price = self._devnet.base_fee + TIP
        for rivalry in self._rivals:
            for job, row in jobs:
                if job in rivalry.tried or not self._is_ripe(rivalry.rival, row, block):
                    continue
                rivalry.tried.add(job)
                reward, work = cast("int", row[1]), cast("int", row[4])
                cost = (120_000 + 150 * work) * gas_price * eth_price // WEI_PER_ETH
                if reward - cost >= rivalry.rival.least_micro:
                    call = Call(self._at.job_board, "performUpkeep(bytes)", (_data_of(job),))
                    doing.create_task(self._try("taken", rivalry.purse, call))

    async def _look(self) -> tuple[list[tuple[int, list[object]]], int]:
        """The open jobs among the newest, and what ETH costs."""
        read = await BlockReader.latest(self._devnet.client)
        [count] = await read.call(self._at.job_board, "jobCount()(uint256)")
        first = max(1, cast("int", count) - SCAN_N + 1)
        ids, rows, _ = await read.call(self._at.job_board, OPEN_JOBS, [first, SCAN_N])
        [price] = await read.call(self._at.gas_station, "price()(uint256)")
        found = zip(cast("list[int]", ids), cast("list[list[object]]", rows), strict=True)
        return list(found), cast("int", price)

    def _is_ripe(self, rival: Rival, row: list[object], block: Block) -> bool:
        reward, due, work = (cast("int", row[i]) for i in (1, 2, 4))
        return block.at >= due + reaction_s(self._scenario, self._seed, rival, reward, work)

    async def _try(self, what: str, purse: Purse, call: Call) -> None:
        try:
            await purse.send(call)
        except ChainError as fault:
            self.counts["late" if what == "taken" else "lost"] += 1
            log.info("actors.failed", what=what, why=str(fault))
        else:
            self.counts[what] += 1

    async def _endow(self, i: int, poster: Purse) -> None:
        """All that this poster will ever pay, and leave to pay it to the board."""
        mine = [e for e in self._events if isinstance(e, Posting) and e.poster == i]
        total = Micro(sum(posting.reward for posting in mine))
        await mint(poster, self._at.token, poster.address, total)
        await poster.send(Call(self._at.token, APPROVE, (self._at.job_board, MAX)))


def _data_of(job: int) -> str:
    return "0x" + job.to_bytes(32, "big").hex()
