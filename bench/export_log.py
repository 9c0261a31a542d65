"""Exporting: verified transitions a second on one processor, against the same columns unverified.

The floor decodes the same records, makes the same columns and writes the same tables, and checks
nothing. `export_columns` is the floor's own speed beside plain decoding, for information.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import pyarrow as pa
from audit_log import _blocks
from cbrrr import decode_dag_cbor
from long_life import LOG_KEY, write
from result import Result, Results

from telemetry.auditing import pool
from telemetry.auditing.audit import Asked
from telemetry.auditing.epoch import Read
from telemetry.checkpoint import Checkpoint
from telemetry.exporting.columns import Columns
from telemetry.exporting.export import export
from telemetry.exporting.files import Part
from telemetry.exporting.rows import Rows
from telemetry.exporting.schema import SEEN_SCHEMA
from telemetry.record import BlockRef, Record

RECORDS: Final = 100_000
ROUNDS: Final = 3


def measure() -> Results:
    with TemporaryDirectory(prefix="forager-bench-") as folder:
        root = Path(folder)
        life = write(root / "cars", RECORDS)
        rounds = [
            (
                _rate(lambda n=n: _export(life, root / f"out{n}", 1)),
                _rate(lambda n=n: _export(life, root / f"every{n}", None)),
                _rate(lambda n=n: _floor(life, root / f"floor{n}.parquet")),
            )
            for n in range(ROUNDS)
        ]
    one, every, floor = (median(rates) for rates in zip(*rounds, strict=True))
    return {"export": Result(one, "1/s", floor), "export_every": Result(every, "1/s", floor)}


def _rate(write_: Callable[[], int]) -> float:
    began = time.perf_counter()
    return write_() / (time.perf_counter() - began)


def _export(life: Path, out: Path, processors: int | None) -> int:
    counted = pool.os.cpu_count  # type: ignore[attr-defined]
    if processors:
        pool.os.cpu_count = lambda: processors  # type: ignore[attr-defined]
    try:
        exported = asyncio.run(export([Asked(str(life))], out, lambda _: None))
    finally:
        pool.os.cpu_count = counted  # type: ignore[attr-defined]
    assert not exported.refused
    return exported.transitions


def _floor(life: Path, path: Path) -> int:
    rows = Rows("life", LOG_KEY.address, 0, 0, None, iter(()))
    with Part(path) as part:
        for file in sorted(life.iterdir()):
            checkpoint, *blocks = _blocks(file)
            head = Checkpoint.decode(checkpoint)
            reads = [_read(data, digest) for data, digest in zip(blocks, head.digests, strict=True)]
            columns = Columns()
            columns.take(reads)
            taken = columns.done()
            batch = pa.ipc.read_record_batch(pa.py_buffer(taken.batch), SEEN_SCHEMA)
            if batch.num_rows:
                part.add(rows.take(batch, 2**62, None))
    return rows.t


def _read(data: bytes, digest: bytes) -> Read:
    fields = decode_dag_cbor(data)
    block = BlockRef(**fields["block"])
    record = Record(1, fields["seq"], fields["at"], block, b"", fields["kind"], fields["body"])
    return Read(fields["seq"], b"", digest, record)


if __name__ == "__main__":
    print(measure())
