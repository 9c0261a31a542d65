"""What a life weighs: daemon, signer and engine together, and whether they grow.

One `forager run` lives through thousands of ticks as fast as it can. It is rich, so that there is
something to choose at every tick and the model is asked, and much of what it chooses is signed,
sent and settled. `memory` is the sum of the three processes' VmRSS after all of it, its floor three
bare interpreters; `memory_pss` counts shared pages once. `memory_growth` is what was added after
the first `WARM` ticks.

Some of that growth is no leak: SQLite fills its page caches (2 MB a file: log and ledger), the
signer keeps a day's spendings (some 500 bytes an intent), and the allocator has its arenas. So
6 MB are allowed, 3 kB a tick: one snapshot kept for ever at each tick would be several times that.
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

from chain.purse import Purse
from chain.types import Micro
from world.deploy import RICH, mint

WARM: Final = 500
TICKS: Final = 2000
PROCESSES: Final = 3
PATIENCE_S: Final = 1200.0
BLOCK_S: Final = 10
PAUSE_S: Final = 0.01
MONEY: Final = Micro(10**12)
CAPS: Final = {"per_hour": 40.0, "per_day": 40.0}
MB: Final = 1024
SETTINGS: Final = {
    "FORAGER_LIFE__TICK_S": "0.01",
    "FORAGER_LIFE__HORIZON_H": "1000000",
    "FORAGER_CHAIN__CHAIN_SECONDS_PER_WALL_SECOND": "200",
}


def measure() -> Results:
    return asyncio.run(_measure())


async def _measure() -> Results:
    async with housed(CAPS) as ground:
        await _enrich(ground)
        async with running(ground.home, SETTINGS) as daemon, _hurried(ground):
            await decided(ground.home, daemon, WARM, PATIENCE_S)
            pids = _family(daemon.pid)
            warm = [_megabytes(pid, "VmRSS") for pid in pids]
            await decided(ground.home, daemon, WARM + TICKS, PATIENCE_S)
            after = [_megabytes(pid, "VmRSS") for pid in pids]
            pss = _pss(pids)
            said: dict[str, Any] = await status(ground.home) or {}
    if len(pids) != PROCESSES or said["phase"] != "living":
        raise RuntimeError((pids, said))
    floor = PROCESSES * _bare()
    grown = {
        f"memory_growth_{name}": Result(then - now, "MB", now)
        for name, now, then in zip(("daemon", "signer", "engine"), warm, after, strict=True)
    }
    shared = {} if pss is None else {"memory_pss": Result(pss, "MB", floor)}
    return {
        "memory": Result(sum(after), "MB", floor),
        **shared,
        "memory_growth": Result(sum(after) - sum(warm), "MB", sum(warm)),
        **grown,
    }


async def _enrich(ground: Ground) -> None:
    await ground.devnet.give_wei(ground.wallet, RICH)
    async with ground.devnet.hurrying():
        operator = Purse(ground.devnet.client, ground.operator)
        await mint(operator, ground.at.token, ground.wallet, MONEY)


@contextlib.asynccontextmanager
async def _hurried(ground: Ground) -> AsyncIterator[None]:
    """Blocks all the time, and the world's other people at work on them."""

    async def mine() -> None:
        while True:
            await ground.devnet.mine(BLOCK_S)
            await asyncio.sleep(PAUSE_S)

    tasks = [asyncio.create_task(mine()), asyncio.create_task(ground.actors.run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _family(pid: int) -> Sequence[int]:
    """The daemon, its signer and its engine, told apart by what they run."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    named = {_command(int(child)): int(child) for child in children}
    return [pid, named["chain.signer"], named["compute.engine"]]


def _command(pid: int) -> str:
    """The module that `python -m` was given."""
    words = Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0")
    return words[2] if len(words) > 2 else ""


def _pss(pids: Sequence[int]) -> float | None:
    """Only root may look: the signer hides itself from others, its own user among them."""
    try:
        return sum(_megabytes(pid, "Pss") for pid in pids)
    except PermissionError:
        return None


def _megabytes(pid: int, what: str) -> float:
    name = "smaps_rollup" if what == "Pss" else "status"
    text = Path(f"/proc/{pid}/{name}").read_text("ascii")
    found = re.search(rf"^{what}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / MB if found else 0.0


def _bare() -> float:
    own = "print(open('/proc/self/status').read())"
    said = subprocess.run([sys.executable, "-c", own], capture_output=True, text=True, check=True)
    found = re.search(r"^VmRSS:\s+(\d+) kB", said.stdout, re.MULTILINE)
    return int(found[1]) / MB if found else 0.0


if __name__ == "__main__":
    print(measure())
