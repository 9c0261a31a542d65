"""Files that are whole or not there: tables, and texts beside them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from telemetry.database import sync_folder
from telemetry.exporting.schema import TRANSITIONS_SCHEMA

GROUP: Final = 16_384
"""Rows of a group."""
LEVEL: Final = 1
"""Of zstd: higher ones save little and cost much."""


class Part:
    """One file of transitions; nothing is put in place unless the context ends well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fresh = path.with_name(f".{path.name}.new")
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def add(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= GROUP:
            self._flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._waiting:
                self._flush()
            if self._writer is not None:
                self._writer.close()
                if kind is None:
                    self._fresh.replace(self._path)
                    sync_folder(self._path.parent)
        finally:
            with suppress(OSError):
                self._fresh.unlink()

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._fresh, TRANSITIONS_SCHEMA, compression="zstd", compression_level=LEVEL
            )
        self._writer.write_table(pa.Table.from_batches(self._waiting), GROUP)
        self._waiting, self._rows = [], 0


def write_table(table: pa.Table, path: Path) -> None:
    fresh = path.with_name(f".{path.name}.new")
    pq.write_table(table, fresh, compression="zstd")
    fresh.replace(path)


def write_text(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)
