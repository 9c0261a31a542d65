"""Publishing an epoch of a thousand records: what it takes of the daemon's one loop.

`publish` is the whole of it, from cutting to the file on disk; the floor is one durable write of
the same bytes. `publish_loop` is the longest that anything else on the loop had to wait meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from log_append import BLOCK, DECISION
from result import Result, Results

from chain.keys import Key
from chain.permit import Domain, digest
from chain.types import Address
from telemetry.cadence import Cadence
from telemetry.checkpoint import Head
from telemetry.log import Log
from telemetry.publisher import Publisher

RECORDS: Final = 1000
ROUNDS: Final = 9
DOMAIN: Final = Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
KEY: Final = Key(b"\x07" * 32)


class Signer:
    """Signs at once; the real one is another process, which the loop does not wait for."""

    async def checkpoint(self, epoch: int, size: int, root: bytes, prev: bytes) -> bytes:
        return KEY.sign(digest(DOMAIN, Head(1, epoch, size, root, prev)))


def measure() -> Results:
    return asyncio.run(_measure())


async def _measure() -> Results:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        log = Log(root / "log.sqlite", 1, lambda: time.time_ns() // 10**6)
        publisher = Publisher(
            log,
            Signer(),
            [],
            cars=root / "cars",
            domain=DOMAIN,
            log_key=KEY.address,
            cadence=Cadence(),
            clock=lambda: time.time_ns() // 10**6,
        )
        rounds = [await _round(log, publisher, root) for _ in range(ROUNDS)]
        log.close()
    whole, waited, bare = (median(times) * 1000 for times in zip(*rounds, strict=True))
    return {
        "publish": Result(whole, "ms", bare),
        "publish_loop": Result(waited, "ms", bare),
    }


async def _round(log: Log, publisher: Publisher, root: Path) -> tuple[float, float, float]:
    for _ in range(RECORDS):
        log.append("decision", DECISION, BLOCK)
    waits = [0.0]
    watch = asyncio.create_task(_watch(waits))
    await asyncio.sleep(0)
    began = time.perf_counter()
    assert await publisher.publish()
    whole = time.perf_counter() - began
    await asyncio.sleep(0)
    watch.cancel()
    newest = max((root / "cars").iterdir())
    return whole, max(waits), _bare(root / "bare", newest.read_bytes())


async def _watch(waits: list[float]) -> None:
    """Another task's view: how long between two of its turns."""
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0)
        now = time.perf_counter()
        waits.append(now - last)
        last = now


def _bare(path: Path, data: bytes) -> float:
    began = time.perf_counter()
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - began


if __name__ == "__main__":
    print(measure())
