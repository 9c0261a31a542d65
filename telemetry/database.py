"""SQLite as telemetry uses it: one connection, held exclusively, durable at every commit.

One exclusive connection also sidesteps the WAL reset race of SQLite before 3.51.3, and is the
lock that says which process holds a home.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from telemetry.errors import LogDamaged, LogHeld, LogUnwritable

FORMAT: Final = 1
_BUSY: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))
_DAMAGED: Final = frozenset(
    (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_SCHEMA)
)


def open_exclusive(path: Path, schema: str) -> sqlite3.Connection:
    """Open or create a database that nobody else can open meanwhile."""
    new = not path.exists()
    with faults(path):
        db = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            _prepare(db, schema, path)
        except BaseException:
            db.close()
            raise
    if new:
        sync_folder(path.parent)
    return db


def _prepare(db: sqlite3.Connection, schema: str, path: Path) -> None:
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN EXCLUSIVE")
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found == 0:
        for statement in filter(str.strip, schema.split(";")):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {FORMAT}")
    db.execute("COMMIT")
    if found not in (0, FORMAT):
        raise LogDamaged(path=path, why="written by another version", version=found)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean for the daemon."""
    try:
        yield
    except sqlite3.Error as error:
        raise named(error, path) from error


def named(error: sqlite3.Error, path: Path) -> LogHeld | LogDamaged | LogUnwritable:
    """The fault that an error of SQLite's is to the daemon."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return LogHeld(path=path)
    if code in _DAMAGED:
        return LogDamaged(path=path, why=str(error))
    return LogUnwritable(path=path, why=str(error))


def sync_folder(folder: Path) -> None:
    """Make a file's new name in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
