"""Auditing: against strict decoding and hashing of the same blocks, and how it grows with a life.

`audit` is the library call as everyone makes it, on every processor; `audit_one` on one alone. The
floor reads the same files in one process and does nothing but decode and hash each block.
`audit_growth` is the time for each record of a long life beside that of a short one (1 is linear),
`audit_memory` the peak of all of the command's processes together, its floor that of a short life.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from cbrrr import decode_dag_cbor
from long_life import write
from result import Result, Results

from telemetry.auditing import pool
from telemetry.auditing.audit import audit

RECORDS: Final = 100_000
SHORT, LONG = 10_000, 1_000_000
ROUNDS: Final = 3
SAMPLE_S: Final = 0.05
KB: Final = 1024


def measure() -> Results:
    with TemporaryDirectory(prefix="forager-bench-") as folder:
        root = Path(folder)
        lives = {n: write(root / f"{n}", n) for n in (SHORT, RECORDS, LONG)}
        speed = _speed(lives[RECORDS])
        short, long = _command(lives[SHORT]), _command(lives[LONG])
        start = _command(lives[SHORT], records=0)
    slow, quick = (long[0] - start[0]) / LONG, (short[0] - start[0]) / SHORT
    return {
        **speed,
        "audit_growth": Result(slow * 1e6, "µs", quick * 1e6),
        "audit_memory": Result(long[1], "MB", short[1]),
        "audit_million": Result(long[0], "s", short[0]),
    }


def _speed(life: Path) -> Results:
    rounds = [
        (
            _rate(lambda: _floor(life)),
            _rate(lambda: _audit(life, os.cpu_count() or 1)),
            _rate(lambda: _audit(life, 1)),
        )
        for _ in range(ROUNDS)
    ]
    floor, every, one = (median(rates) for rates in zip(*rounds, strict=True))
    return {"audit": Result(every, "1/s", floor), "audit_one": Result(one, "1/s", floor)}


def _rate(read: Callable[[], int]) -> float:
    began = time.perf_counter()
    return read() / (time.perf_counter() - began)


def _floor(life: Path) -> int:
    """Every block of every file, hashed and strictly decoded; the reader below does no more."""
    blocks = 0
    for path in sorted(life.iterdir()):
        for data in _blocks(path):
            sha256(data).digest()
            decode_dag_cbor(data)
            blocks += 1
        blocks -= 1  # the checkpoint
    return blocks


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        data = file.read()
    at = _skip(data, 0)
    while at < len(data):
        size, start = _length(data, at)
        yield data[start + 36 : start + size]
        at = start + size


def _skip(data: bytes, at: int) -> int:
    size, start = _length(data, at)
    return start + size


def _length(data: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte = data[at]
        size |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return size, at


def _audit(life: Path, processors: int) -> int:
    counted, pool.os.cpu_count = pool.os.cpu_count, lambda: processors  # type: ignore[attr-defined]
    try:
        verdict = asyncio.run(audit(str(life)))
    finally:
        pool.os.cpu_count = counted  # type: ignore[attr-defined]
    assert verdict.ok, verdict.findings[:3]
    return verdict.records


def _command(life: Path, records: int | None = None) -> tuple[float, float]:
    """Seconds of `forager audit`, and the most megabytes that all of its processes held."""
    argument = str(life) if records is None else "--help"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "audit", argument], stdout=subprocess.DEVNULL
    )
    peaks = [0.0]
    watch = threading.Thread(target=_watch, args=(process.pid, peaks), daemon=True)
    watch.start()
    assert process.wait() == 0
    return time.perf_counter() - began, max(peaks)


def _watch(pid: int, peaks: list[float]) -> None:
    while held := sum(map(_resident, _family(pid))):
        peaks.append(held)
        time.sleep(SAMPLE_S)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *map(int, children)]


def _resident(pid: int) -> float:
    """Megabytes, shared pages counted in parts."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    [pss] = (line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))
    return int(pss) / KB


if __name__ == "__main__":
    print(measure())
