"""What a life weighs: daemon, signer and engine together, and whether they grow.

One `forager run` lives through thousands of ticks at full speed: a block is mined as soon as the
last one has been decided on, jobs are posted and the model is asked each time. `memory` is the sum
of the three processes' VmRSS after all of it, above three bare interpreters; `memory_pss` counts
shared pages once. `memory_growth` is what was added after the first `WARM` ticks.

Some of that growth is no leak: SQLite fills its page caches (2 MB a file: log and ledger) and the
allocator its arenas. So it may come to `MOST` in run.py, a third of a page for each tick; a single
snapshot kept for ever at each tick would be several times that.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from ground import Ground, decided, housed, running, status
from result import Result, Results

WARM: Final = 500
TICKS: Final = 2000
PROCESSES: Final = 3
PATIENCE_S: Final = 1200.0
MB: Final = 1024
SETTINGS: Final = {
    "FORAGER_LIFE__TICK_S": "0.01",
    "FORAGER_CHAIN__CHAIN_SECONDS_PER_WALL_SECOND": "20",
}


def measure() -> Results:
    return asyncio.run(_measure())


async def _measure() -> Results:
    async with housed() as ground, running(ground.home, SETTINGS) as daemon:
        async with _hurried(ground):
            await decided(ground.home, daemon, WARM, PATIENCE_S)
            pids = _family(daemon.pid)
            warm = _sum(pids, "VmRSS")
            await decided(ground.home, daemon, WARM + TICKS, PATIENCE_S)
            after, pss = _sum(pids, "VmRSS"), _sum(pids, "Pss")
        said: dict[str, Any] = await status(ground.home) or {}
    if len(pids) != PROCESSES or said["phase"] != "living":
        raise RuntimeError((pids, said))
    floor = PROCESSES * _bare()
    return {
        "memory": Result(after, "MB", floor),
        "memory_pss": Result(pss, "MB", floor),
        "memory_growth": Result(after - warm, "MB", warm),
    }


@contextlib.asynccontextmanager
async def _hurried(ground: Ground) -> AsyncIterator[None]:
    """A block every few milliseconds, and the world's other people at work on them."""
    actors = asyncio.create_task(ground.actors.run())
    async with ground.devnet.hurrying():
        try:
            yield
        finally:
            actors.cancel()
            await asyncio.gather(actors, return_exceptions=True)


def _family(pid: int) -> Sequence[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [pid, *map(int, children.split())]


def _sum(pids: Sequence[int], what: str) -> float:
    """In MB."""
    return sum(_kilobytes(pid, what) for pid in pids) / MB


def _kilobytes(pid: int, what: str) -> int:
    # Another user may read neither file of the signer, which hides itself from debuggers; root may.
    name = "smaps_rollup" if what == "Pss" else "status"
    text = Path(f"/proc/{pid}/{name}").read_text("ascii")
    found = re.search(rf"^{what}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _bare() -> float:
    own = "print(open('/proc/self/status').read())"
    said = subprocess.run([sys.executable, "-c", own], capture_output=True, text=True, check=True)
    found = re.search(r"^VmRSS:\s+(\d+) kB", said.stdout, re.MULTILINE)
    return int(found[1]) / MB if found else 0.0


if __name__ == "__main__":
    print(measure())
