"""Earning a living: doing the jobs on the JobBoard that pay more than their gas."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log2
from typing import Final, cast

from chain.port import Reader
from chain.types import Address, Call, Json, Micro
from strategies.means import can_send, flying, gas_in_micro
from strategies.needs import Needs, Rule
from strategies.options import read_options
from strategies.port import Action, Places, Snapshot, Tools

WORK: Final = "keeper.work"
PERFORM: Final = "performUpkeep(bytes)"
_JOB: Final = "(address,uint256,uint64,uint64,uint32,bytes32,address,bool)"
COUNT: Final = "jobCount()(uint256)"
OPEN_JOBS: Final = f"openJobs(uint256,uint256)(uint256[],{_JOB}[],uint256)"
CHECK: Final = "checkUpkeep(bytes)(bool,bytes)"
GAS_FOR: Final = "gasFor(uint32)(uint256)"

MOST_GAS: Final = 10_000_000
"""No job is worth more of a block; boards may say anything."""
LOST_RACE_GAS: Final = 45_000
"""What it costs to come second: the call reverts at once."""


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds on what is looked at, and what is worth doing."""

    scan_n: int = 500
    """So many of the newest jobs are looked through: worthless ones cost only gas to post."""
    check_n: int = 6
    """So many of the best of these are asked about one by one."""
    offer_n: int = 3
    """So many are offered."""
    least_micro: int = 20_000
    """Less than this is not worth the trouble."""
    gas_margin_pct: int = 25
    keep_gas: int = 300_000
    """Gas to keep for the next refuelling."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the survey found it; `reward` is decimal text, for anyone may post any reward."""

    id: int
    reward: str
    deadline: int
    gas: int


class Keeper:
    """Offers the best few jobs that are due."""

    name = "keeper"

    def __init__(self, options: Options) -> None:
        self._options = options

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:
        """The best jobs that can be done at this block, each tried out with `eth_call`."""
        board = seen.places.job_board
        if board is None:
            return {"jobs": []}
        [count] = await read.call(board, COUNT)
        first = max(1, cast("int", count) - self._options.scan_n + 1)
        ids, rows, _next = await read.call(board, OPEN_JOBS, [first, self._options.scan_n])
        listed = zip(
            cast("Sequence[int]", ids), cast("Sequence[Sequence[Json]]", rows), strict=True
        )
        due = [(id_, row) for id_, row in listed if cast("int", row[2]) <= seen.block.at]
        due.sort(key=lambda item: (-cast("int", item[1][1]), item[0]))
        best = due[: self._options.check_n]
        tried = await asyncio.gather(*(self._try(read, seen, board, *item) for item in best))
        return {"jobs": [asdict(job) for job in tried if job is not None]}

    async def _try(
        self, read: Reader, seen: Snapshot, board: Address, id_: int, row: Sequence[Json]
    ) -> Job | None:
        _poster, reward, _not_before, deadline, work, *_ = row
        needed, _data = await read.call(board, CHECK, [_data_of(id_)])
        if not needed:
            return None
        [said] = await read.call(board, GAS_FOR, [work])
        guess = min(cast("int", said), MOST_GAS)
        trial = await read.simulate(_perform(board, id_, self._with_margin(guess)), seen.wallet)
        if not trial.ok:
            return None
        return Job(id_, str(reward), min(cast("int", deadline), 2**53 - 1), guess)

    def _with_margin(self, gas: int) -> int:
        return gas * (100 + self._options.gas_margin_pct) // 100

    def propose(self, seen: Snapshot) -> Sequence[Action]:
        board = seen.places.job_board
        if board is None or flying(seen, WORK) or seen.holdings.stale:
            return ()
        chance = chance_to_win(seen)
        offered = [self._offer(seen, board, job, chance) for job in _jobs(seen)]
        worthwhile = [action for action in offered if action is not None]
        worthwhile.sort(key=lambda action: (-action.score, action.params["job_n"]))
        return worthwhile[: self._options.offer_n]

    def _offer(self, seen: Snapshot, board: Address, job: Job, chance: float) -> Action | None:
        reward = int(job.reward)
        gas = self._with_margin(job.gas)
        call = _perform(board, job.id, gas)
        cost = gas_in_micro(seen, job.gas)
        expected = _expected(seen, reward, cost, chance)
        enough = seen.holdings.wei >= (gas + self._options.keep_gas) * seen.gas_price
        if expected < self._options.least_micro or not enough or not can_send(seen, call):
            return None
        if job.deadline <= seen.block.at:
            return None
        return Action(
            key=WORK,
            params={
                "reward_micro": reward,
                "gas_micro": cost,
                "chance_pct": round(100 * chance),
                "left_s": job.deadline - seen.block.at,
                "job_n": job.id,
            },
            summary="do a job that pays more than its gas",
            calls=(call,),
            score=_score(seen, expected),
        )


def chance_to_win(seen: Snapshot) -> float:
    """The share of recent jobs that nobody took first, after three imagined wins of four."""
    tries = [outcome.ok for outcome in seen.recent if outcome.key == WORK]
    return (sum(tries) + 3) / (len(tries) + 4)


def _expected(seen: Snapshot, reward: int, cost: Micro, chance: float) -> int:
    lost = gas_in_micro(seen, LOST_RACE_GAS)
    return int(chance * (reward - cost) - (1 - chance) * min(cost, lost))


def _score(seen: Snapshot, expected: int) -> float:
    """How many hours of living the job buys, in doublings; any profit beats waiting."""
    hours = expected / max(1, seen.burn) if seen.burn else 1.0
    return max(0.5, min(5.0, 2.5 + log2(max(hours, 2**-6))))


def _perform(board: Address, job: int, gas: int) -> Call:
    return Call(to=board, function=PERFORM, args=(_data_of(job),), gas=gas)


def _data_of(job: int) -> str:
    return "0x" + job.to_bytes(32, "big").hex()


def _jobs(seen: Snapshot) -> list[Job]:
    """What the survey found; what does not look like a job is passed over."""
    found = seen.surveys.get("keeper", {}).get("jobs")
    jobs: list[Job] = []
    for row in found if isinstance(found, list | tuple) else ():
        if not isinstance(row, Mapping) or set(row) != {"id", "reward", "deadline", "gas"}:
            continue
        id_, reward, deadline, gas = row["id"], row["reward"], row["deadline"], row["gas"]
        if isinstance(reward, str) and reward.isdecimal() and len(reward) <= 30:  # noqa: PLR2004
            numbers = [x for x in (id_, deadline, gas) if type(x) is int and 0 < x < 2**53]
            if len(numbers) == 3:  # noqa: PLR2004
                jobs.append(Job(numbers[0], reward, numbers[1], numbers[2]))
    return jobs


def make(options: Mapping[str, Json], tools: Tools) -> Keeper:  # noqa: ARG001
    return Keeper(read_options(Options, options))


def needs(options: Mapping[str, Json], places: Places) -> Needs:  # noqa: ARG001
    return Needs((Rule(places.job_board, PERFORM),) if places.job_board else ())
