"""Batches of columns on their way to a table: on disk, so that a long life takes no more memory."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Final, Self

import pyarrow as pa

from telemetry.auditing.epoch import Epoch
from telemetry.exporting.columns import Taken
from telemetry.exporting.schema import SEEN_SCHEMA

_LENGTH_BYTES: Final = 8


class Spool:
    """A queue of serialized batches of `SEEN_SCHEMA`."""

    def __init__(self) -> None:
        self.told = Taken(0, b"", None, None, 0, 0)
        """What the epochs tell besides, all together."""
        self._file: Any = TemporaryFile()  # noqa: SIM115 - its context is this object's

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def gather(self, _: Epoch, taken: Taken) -> None:
        """Keep one epoch's columns."""
        if taken.rows:
            self._file.write(framed(taken.batch))
        told = self.told
        self.told = Taken(
            rows=told.rows + taken.rows,
            batch=b"",
            birth=taken.birth if told.birth is None else told.birth,
            first=taken.first if told.first is None else told.first,
            first_block=told.first_block or taken.first_block,
            halts=told.halts + taken.halts,
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All of them, in order; empty ones are left out."""
        self._file.seek(0)
        return unframed(self._file)


def framed(batch: bytes) -> bytes:
    """A serialized batch, so that others can follow it."""
    return len(batch).to_bytes(_LENGTH_BYTES, "big") + batch


def unframed(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    while head := file.read(_LENGTH_BYTES):
        data = file.read(int.from_bytes(head, "big"))
        batch = pa.ipc.read_record_batch(pa.py_buffer(data), SEEN_SCHEMA)
        if batch.num_rows:
            yield batch
