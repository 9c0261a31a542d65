"""How long a person waits: for `forager status`, and for a stopped agent's first decision.

`start` is the whole process of `forager status`, at rest and beside a living daemon, whichever is
slower. `start_first_decision` is the time from starting `forager run` on a home whose agent is
born to the `at` of its first decision record. The floor of both is `python -c pass`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

from ground import decided, housed, running
from result import Result, Results

from agent.home import Home
from telemetry.log import Log
from telemetry.record import Record

ROUNDS: Final = 9
STARTS: Final = 5
FORAGER: Final = Path(sys.executable).parent / "forager"


def measure() -> Results:
    return asyncio.run(_measure())


async def _measure() -> Results:
    async with asyncio.timeout(400), housed() as ground:
        home, bare, starts = ground.home, [], []
        for _ in range(STARTS):
            bare.append(await _bare())
            starts.append(await _first_decision(home))
        first = Result(median(starts), "s", median(bare))
        at_rest = await _status(home)
        async with running(home) as process:
            await decided(home, process)
            beside = await _status(home)
    return {
        "start": max(at_rest, beside, key=lambda result: result.value),
        "start_first_decision": first,
    }


async def _status(home: Home) -> Result:
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare.append(await _bare())
        ours.append(await _timed(str(FORAGER), "status", "--home", str(home.root)))
    return Result(median(ours), "s", median(bare))


async def _bare() -> float:
    return await _timed(sys.executable, "-c", "pass")


async def _timed(*command: str) -> float:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    code = await process.wait()
    if code:
        raise RuntimeError((command, code))
    return time.perf_counter() - began


async def _first_decision(home: Home) -> float:
    """By the records' own clock, so that nobody disturbs the start by asking."""
    began = time.time()
    async with running(home) as process:
        await asyncio.sleep(1)
        await decided(home, process)
    log = Log(home.log, 1, lambda: 0)
    try:
        records = (Record.decode(data) for _, data in log.records())
        at = next(r.at for r in records if r.kind == "decision" and r.at >= 1000 * began)
    finally:
        log.close()
    return at / 1000 - began


if __name__ == "__main__":
    print(measure())
