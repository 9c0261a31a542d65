"""Durable appends: a decision record through the log, against bare rows of the same size.

Both write one WAL-mode SQLite file with `synchronous=FULL`, in turns, so that the disk's moods
meet both alike.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from result import Result, Results

from telemetry.log import Log
from telemetry.record import BlockRef

BLOCK = BlockRef(31337, 7, "0x" + "ab" * 32)
ROUNDS, APPENDS = 25, 100

DECISION: dict[str, Any] = {
    "observation": {f"fact_{n}": n * 7 if n % 2 else str(n * 10**15) for n in range(24)},
    "prompt": "x" * 420,
    "menu": [
        {
            "key": f"act{n}",
            "params": {"offer": n, "amount": "123456"},
            "summary": "extend the lease",
        }
        for n in range(4)
    ],
    "logprobs": [-1.1, -1.3, -1.5, -1.7],
    "chosen": 1,
    "epsilon": 0.05,
    "temperature": 1.0,
    "model": {"gguf": "a" * 64, "adapter": "", "engine": "b" * 64},
    "thought": None,
    "latency_ms": 12,
}


def measure() -> Results:
    """Appends a second through the log and bare, medians of the rounds."""
    with TemporaryDirectory() as folder:
        log = Log(Path(folder) / "log.sqlite", 1, lambda: time.time_ns() // 10**6)
        entry = log.append("birth", DECISION, BLOCK)
        data = os.urandom(len(log.record(entry.seq).encode()))
        bare = _bare(Path(folder) / "bare.sqlite")
        rounds = [
            (_rate(lambda: _log(log)), _rate(lambda: _row(bare, data))) for _ in range(ROUNDS)
        ]
        bare.close()
        log.close()
    ours, theirs = zip(*rounds, strict=True)
    return {"append": Result(median(ours), "1/s", median(theirs))}


def _bare(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    return db


def _log(log: Log) -> None:
    log.append("decision", DECISION, BLOCK)


def _row(db: sqlite3.Connection, data: bytes) -> None:
    db.execute("INSERT INTO rows (data) VALUES (?)", (data,))


def _rate(append: Any) -> float:
    started = time.perf_counter()
    for _ in range(APPENDS):
        append()
    return APPENDS / (time.perf_counter() - started)


if __name__ == "__main__":
    print(measure())
