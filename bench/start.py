"""How long a person waits: for `forager status`, and for a stopped agent's first decision.

`start` is the whole process of `forager status`, at rest and beside a living daemon, whichever is
slower. `start_first_decision` is the time from starting `forager run` on a home whose agent is
born to the `at` of its first decision record. The floor of both is `python -c pass`.

On a busy machine these say how busy it was. So `…_cpu` tells the seconds of processor that the same
runs used, all their processes together: divided among two idle cores that is the time to expect.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from ground import decided, housed, running
from result import Result, Results

from agent.home import Home
from telemetry.log import Log
from telemetry.record import Record

ROUNDS: Final = 9
STARTS: Final = 5
BARE: Final = (sys.executable, "-c", "pass")
FORAGER: Final = Path(sys.executable).parent / "forager"


def measure() -> Results:
    return asyncio.run(_measure())


async def _measure() -> Results:
    async with asyncio.timeout(400), housed() as ground:
        home, bare, starts = ground.home, [], []
        for _ in range(STARTS):
            bare.append(await _timed(*BARE))
            starts.append(await _first_decision(home))
        at_rest = await _status(home)
        async with running(home) as process:
            await decided(home, process)
            beside = await _status(home)
    slower = max(at_rest, beside, key=lambda results: results[0].value)
    first = _results(starts, bare)
    return {
        "start": slower[0],
        "start_cpu": slower[1],
        "start_first_decision": first[0],
        "start_first_decision_cpu": first[1],
    }


class Took(NamedTuple):
    """Seconds by the wall, and of processor."""

    wall: float
    cpu: float


def _results(ours: Sequence[Took], bare: Sequence[Took]) -> tuple[Result, Result]:
    return (
        Result(median(t.wall for t in ours), "s", median(t.wall for t in bare)),
        Result(median(t.cpu for t in ours), "s", median(t.cpu for t in bare)),
    )


async def _status(home: Home) -> tuple[Result, Result]:
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare.append(await _timed(*BARE))
        ours.append(await _timed(str(FORAGER), "status", "--home", str(home.root)))
    return _results(ours, bare)


async def _timed(*command: str) -> Took:
    cpu, began = _used(), time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    code = await process.wait()
    if code:
        raise RuntimeError((command, code))
    return Took(time.perf_counter() - began, _used() - cpu)


async def _first_decision(home: Home) -> Took:
    """By the records' own clock, so that nobody disturbs the start by asking much.

    The processor's seconds include a tick or two more, and the end.
    """
    cpu, began = _used(), time.time()
    async with running(home) as process:
        await asyncio.sleep(1)
        await decided(home, process)
    log = Log(home.log, 1, lambda: 0)
    try:
        records = (Record.decode(data) for _, data in log.records())
        at = next(r.at for r in records if r.kind == "decision" and r.at >= 1000 * began)
    finally:
        log.close()
    return Took(at / 1000 - began, _used() - cpu)


def _used() -> float:
    """By all children that have ended, and theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    print(measure())
