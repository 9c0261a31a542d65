"""The signer's memory: one SQLite file, one connection, each change one exclusive transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from chain.clock import Reading
from chain.errors import LedgerDamaged, LedgerFull, LedgerHeld
from chain.limits import DAY_MS, Spent
from chain.tables import TABLES
from chain.transaction import Transaction

WAIT_S: Final = 3.0
"""How long a predecessor that is just ending may still hold the file."""


class Ledger:
    """Opens the file for itself alone; raises `LedgerHeld`, `LedgerDamaged` or `LedgerFull`."""

    def __init__(self, path: Path, clock: Callable[[], Reading]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._raw = _connect(path)
        self._engine = create_engine("sqlite://", creator=lambda: self._raw, poolclass=StaticPool)
        event.listen(self._engine, "begin", _begin_immediate)
        self._window: tuple[Spent, ...] = ()
        """What was spent of late, as in the file: nobody else can write there."""
        self.file = str(path.stat().st_ino)
        """Which file this is: a copy or a restored backup is another one."""
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def exclusive(self) -> Iterator[Transaction]:
        """All or nothing, durable when it ends, and nobody else's in between."""
        with self._lock:
            try:
                with self._engine.begin() as connection:
                    transaction = Transaction(connection, self._clock, self._window)
                    yield transaction
            except DBAPIError as error:
                raise _named(error.orig) from error
            self._window = transaction.window

    def close(self) -> None:
        self._engine.dispose()
        self._raw.close()

    def _open(self) -> None:
        tables = [SQLModel.metadata.tables[name] for name in TABLES]
        with self.exclusive() as tx:
            SQLModel.metadata.create_all(tx.connection, tables=tables)
            tx.check()
            tx.window = tuple(tx.spent_after(tx.now() - DAY_MS))


def _connect(path: Path) -> sqlite3.Connection:
    """One exclusive connection: it keeps the file's lock, and WAL is safe with one alone."""
    raw = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        raw.execute("PRAGMA locking_mode=EXCLUSIVE")
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("BEGIN IMMEDIATE")
        verdict = raw.execute("PRAGMA quick_check(1)").fetchone()[0]
        raw.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raw.close()
        raise _named(error) from None
    if verdict != "ok":
        raw.close()
        raise LedgerDamaged(path=str(path), why=verdict)
    path.chmod(0o600)
    return raw


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _named(error: BaseException | None) -> LedgerHeld | LedgerFull | LedgerDamaged:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LedgerHeld()
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return LedgerFull(why=str(error))
    return LedgerDamaged(why=str(error))
