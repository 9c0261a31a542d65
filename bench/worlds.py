"""An arena's pace and weight: sixteen whole lives, as many at once as there are processors.

`world` is ticks a second over all of them in the demo's world, from the first process to the last
audit: what a tick decides is signed, logged and mined among everybody else's doings, and each life
ends and is audited against its chain. `world_busy` is the same in a world with twelve transactions
of others for each tick: what a tick costs depends mostly on them. The floor of both is one bare
chain in this process: a signed transaction, a block, again.

`world_life` and `world_life_pss` are what a life weighs meanwhile, its process and its Anvil
together, on average over those at once when they weigh most; by the first, pages that lives share
count for each. The floor is an Anvil just started and a bare interpreter.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, Self

from result import Result, Results

from chain.contracts import MINT
from chain.types import Call
from world.arena.engines import Local
from world.arena.plan import Case
from world.arena.scratch import swept
from world.deploy import RICH, deploy_at_once, role
from world.devnet import Devnet
from world.lived import Lived
from world.pocket import Pocket
from world.scenario import DEMO, SHIPPED, load_scenario

AT_ONCE: Final = os.cpu_count() or 1
LIVES: Final = 16
POLICY: Final = "heuristic"
BUSY: Final = SHIPPED / "mirage.toml"
BLOCKS: Final = 300
LOOK_S: Final = 0.5
MB: Final = 1024
ANVIL: Final = "anvil"


class Weight(NamedTuple):
    """Of one process, in megabytes."""

    rss: float
    pss: float


def measure() -> Results:
    bare, anvil = asyncio.run(_bare())
    with Scales() as scales:
        quiet, busy = _ticks_a_second(DEMO), _ticks_a_second(BUSY)
    floor = Weight(anvil.rss + _interpreter(), anvil.pss + _interpreter())
    return {
        "world": Result(quiet, "1/s", bare),
        "world_busy": Result(busy, "1/s", bare),
        "world_life": Result(scales.most.rss, "MB", floor.rss),
        "world_life_pss": Result(scales.most.pss, "MB", floor.pss),
    }


def _ticks_a_second(scenario: Path) -> float:
    with TemporaryDirectory(prefix="forager-bench-") as folder, swept(folder):
        began = time.perf_counter()
        rows = list(_lived(scenario, folder))
        took = time.perf_counter() - began
    if not all(row.audit_ok for row in rows):
        raise RuntimeError(rows)
    return sum(row.ticks for row in rows) / took


def _lived(scenario: Path, out: str) -> Iterator[Lived]:
    cases = [Case(str(scenario), seed, POLICY) for seed in range(1, LIVES + 1)]
    for case, line in Local(AT_ONCE).live(cases, out, tables=False):
        if isinstance(line, BaseException):
            raise RuntimeError(case) from line  # noqa: TRY004 - a fault is a value here
        yield Lived.from_line(line)


class Scales:
    """Weighs the lives at once, again and again; keeps the most that they weighed, a life."""

    def __init__(self) -> None:
        self.most = Weight(0, 0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._weigh)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _weigh(self) -> None:
        while not self._over.wait(LOOK_S):
            anvils = [each for each in _family(os.getpid()) if each.command == ANVIL]
            if len(anvils) == AT_ONCE:
                lives = [
                    weight for p in anvils for pid in (p.pid, p.parent) if (weight := _of(pid))
                ]
                told = Weight(*(sum(each) / AT_ONCE for each in zip(*lives, strict=True)))
                self.most = max(self.most, told)


class Process(NamedTuple):
    """As the kernel lists it."""

    pid: int
    parent: int
    command: str


def _processes() -> Sequence[Process]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            command, _, rest = stat.read_text("utf-8", "replace").partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has just ended
        found.append(Process(int(stat.parent.name), int(rest.split()[1]), command))
    return found


def _family(pid: int) -> Sequence[Process]:
    """All that descends from a process: somebody else may have an Anvil too."""
    every, found, more = _processes(), [], {pid}
    while more:
        children = [each for each in every if each.parent in more]
        found += children
        more = {each.pid for each in children}
    return found


def _of(pid: int) -> Weight | None:
    """None when it has just ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return None
    told = dict(re.findall(r"^(Rss|Pss):\s+(\d+) kB", text, re.MULTILINE))
    return Weight(int(told["Rss"]) / MB, int(told["Pss"]) / MB) if told else None


async def _bare() -> tuple[float, Weight]:
    """Blocks a second with one signed transaction each, and what a fresh Anvil weighs."""
    with TemporaryDirectory(prefix="forager-bench-") as folder:
        async with Devnet.running(Path(folder), close=True) as devnet:
            [anvil] = [each.pid for each in _family(os.getpid()) if each.command == ANVIL]
            fresh = _of(anvil)
            at = await deploy_at_once(devnet, load_scenario(DEMO), 1)
            someone = Pocket(devnet, role("someone"))
            await devnet.give_wei(someone.address, RICH)
            await devnet.mine()
            began = time.perf_counter()
            for _ in range(BLOCKS):
                await someone.send(Call(at.token, MINT, (someone.address, 1), gas=100_000))
                await devnet.mine()
            took = time.perf_counter() - began
    if fresh is None:
        raise RuntimeError(anvil)
    return BLOCKS / took, fresh


def _interpreter() -> float:
    own = "print(open('/proc/self/smaps_rollup').read())"
    said = subprocess.run([sys.executable, "-c", own], capture_output=True, text=True, check=True)
    found = re.search(r"^Rss:\s+(\d+) kB", said.stdout, re.MULTILINE)
    return int(found[1]) / MB if found else 0.0


if __name__ == "__main__":
    print(measure())
