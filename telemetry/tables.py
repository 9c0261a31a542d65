"""The rows of a life's log in SQLite: in and out, durable at every call, no judgement."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.database import faults, named, open_exclusive, transaction

_SCHEMA: Final = """
CREATE TABLE life (agent INTEGER NOT NULL);
CREATE TABLE records (seq INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE epochs (
    epoch INTEGER PRIMARY KEY, start INTEGER NOT NULL, size INTEGER NOT NULL,
    prev BLOB NOT NULL, tree BLOB NOT NULL, digest BLOB, block BLOB
);
CREATE TABLE names (digest BLOB PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER) WITHOUT ROWID;
CREATE TABLE sent (target TEXT PRIMARY KEY, epochs INTEGER NOT NULL) WITHOUT ROWID
"""
_PAGE: Final = 256


class EpochRow(NamedTuple):
    """An epoch: the records `start` to `size`; its block once it is sealed."""

    epoch: int
    start: int
    size: int
    prev: bytes
    tree: bytes
    digest: bytes | None = None
    block: bytes | None = None


class Tables:
    """One exclusive connection to log.sqlite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_exclusive(path, _SCHEMA)

    def close(self) -> None:
        self._db.close()

    def agent(self, mine: int) -> int:
        """Whose log this is; a new one becomes `mine`."""
        with faults(self.path), transaction(self._db):
            row = self._db.execute("SELECT agent FROM life").fetchone()
            if row is None:
                self._db.execute("INSERT INTO life VALUES (?)", (mine,))
        return row[0] if row else mine

    def add(self, seq: int, data: bytes) -> None:
        try:  # not by a context manager: every tick waits for this
            self._db.execute("INSERT INTO records VALUES (?, ?)", (seq, data))
        except sqlite3.Error as error:
            raise named(error, self.path) from error

    def records(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Page by page, so that appending meanwhile is allowed."""
        query = "SELECT seq, data FROM records WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?"
        while start < stop:
            with faults(self.path):
                page = self._db.execute(query, (start, stop, _PAGE)).fetchall()
            if not page:
                return
            yield from page
            start = page[-1][0] + 1

    def add_epoch(self, row: EpochRow) -> None:
        with faults(self.path):
            self._db.execute("INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def seal_epoch(self, epoch: int, digest: bytes, block: bytes, records: Sequence[bytes]) -> None:
        """Keep the epoch's block, and name it and its records (by digest, in order)."""
        with faults(self.path), transaction(self._db):
            self._db.execute(
                "UPDATE epochs SET digest = ?, block = ? WHERE epoch = ?", (digest, block, epoch)
            )
            (start,) = self._db.execute(
                "SELECT start FROM epochs WHERE epoch = ?", (epoch,)
            ).fetchone()
            self._db.execute("INSERT INTO names VALUES (?, ?, NULL)", (digest, epoch))
            self._db.executemany(
                "INSERT INTO names VALUES (?, ?, ?)",
                ((name, epoch, seq) for seq, name in enumerate(records, start)),
            )

    def epoch(self, epoch: int) -> EpochRow | None:
        with faults(self.path):
            row = self._db.execute("SELECT * FROM epochs WHERE epoch = ?", (epoch,)).fetchone()
        return EpochRow(*row) if row else None

    def newest_epochs(self, count: int) -> list[EpochRow]:
        """The last `count` epochs, oldest first."""
        query = "SELECT * FROM epochs ORDER BY epoch DESC LIMIT ?"
        with faults(self.path):
            rows = self._db.execute(query, (count,)).fetchall()
        return [EpochRow(*row) for row in reversed(rows)]

    def sealed(self, start: int, limit: int) -> list[tuple[int, bytes, int]]:
        """Epoch, digest and size of sealed epochs, in order."""
        query = """
            SELECT epoch, digest, size FROM epochs WHERE digest NOT NULL AND epoch >= ?
            ORDER BY epoch LIMIT ?
        """
        with faults(self.path):
            return self._db.execute(query, (start, limit)).fetchall()

    def named(self, digest: bytes) -> bytes | None:
        """The block of a sealed epoch that has this digest."""
        query = """
            SELECT CASE WHEN seq IS NULL
                THEN (SELECT block FROM epochs WHERE epochs.epoch = names.epoch)
                ELSE (SELECT data FROM records WHERE records.seq = names.seq) END
            FROM names WHERE digest = ?
        """
        with faults(self.path):
            row = self._db.execute(query, (digest,)).fetchone()
        return row[0] if row else None

    def sent(self, target: str) -> int:
        query = "SELECT epochs FROM sent WHERE target = ?"
        with faults(self.path):
            row = self._db.execute(query, (target,)).fetchone()
        return row[0] if row else 0

    def mark_sent(self, target: str, epochs: int) -> None:
        with faults(self.path):
            self._db.execute("INSERT OR REPLACE INTO sent VALUES (?, ?)", (target, epochs))

    def complaint(self) -> str:
        """What SQLite finds wrong with the file, or nothing."""
        with faults(self.path):
            found = [text for (text,) in self._db.execute("PRAGMA quick_check")]
        return "" if found == ["ok"] else "; ".join(found[:3])
