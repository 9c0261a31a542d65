"""The signer's memory: one SQLite file, one connection, each change one exclusive transaction."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, RowMapping, create_engine, event, func
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel, col, insert, select, update

from chain.clock import Reading, Stamp, advance
from chain.errors import LedgerDamaged, LedgerFull, LedgerHeld
from chain.limits import DAY_MS, Spent
from chain.tables import AttemptRow, CheckpointRow, FactRow, HaltRow, IntentRow, SpentRow
from chain.types import Attempt, Entry, Fees, Intent, Wei
from chain.wire import call_from_json, call_to_json

WAIT_S: Final = 3.0
"""How long a predecessor that is just ending may still hold the file."""
TABLES: Final = (IntentRow, AttemptRow, SpentRow, CheckpointRow, HaltRow, FactRow)


class Ledger:
    """Opens the file for itself alone; raises `LedgerHeld`, `LedgerDamaged` or `LedgerFull`."""

    def __init__(self, path: Path, clock: Callable[[], Reading]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._raw = _connect(path)
        self.file = str(path.stat().st_ino)
        """Which file this is: a copy or a restored backup is another one."""
        self._engine = create_engine("sqlite://", creator=lambda: self._raw, poolclass=StaticPool)
        event.listen(self._engine, "begin", _begin_immediate)
        with self.exclusive() as tx:
            tx.create()
            tx.check()

    @contextmanager
    def exclusive(self) -> Iterator[Transaction]:
        """All or nothing, durable when it ends, and nobody else's in between."""
        try:
            with self._lock, self._engine.begin() as connection:
                yield Transaction(connection, self._clock)
        except OperationalError as error:
            raise _named(error.orig) from error
        except DatabaseError as error:
            raise LedgerDamaged(why=str(error.orig)) from error

    def close(self) -> None:
        self._engine.dispose()
        self._raw.close()


class Transaction:
    """What can be read and written inside one exclusive transaction."""

    def __init__(self, connection: Connection, clock: Callable[[], Reading]) -> None:
        self._db = connection
        self._clock = clock

    def create(self) -> None:
        names = {row.__tablename__ for row in TABLES}
        tables = [t for t in SQLModel.metadata.sorted_tables if t.name in names]
        SQLModel.metadata.create_all(self._db, tables=tables)

    def check(self) -> None:
        """Nonces without a gap, each with signed bytes: anything else is damage."""
        count, top = self._db.execute(
            select(func.count(col(IntentRow.nonce)), func.max(col(IntentRow.nonce)))
        ).one()
        signed = self._db.execute(
            select(func.count(func.distinct(col(AttemptRow.nonce))))
        ).scalar_one()
        if signed != count or (top is not None and top - self.floor() >= count):
            raise LedgerDamaged("the ledger's nonces have gaps", intents=count, signed=signed)

    def now(self) -> int:
        """The ledger's time in milliseconds, noted so that it never runs backwards."""
        last = self.recall("clock")
        stamp = advance(Stamp.from_text(last) if last else None, self._clock())
        self.remember("clock", stamp.to_text())
        return stamp.at

    def recall(self, name: str) -> str:
        found = self._db.execute(select(FactRow.value).where(FactRow.name == name)).scalar()
        return found or ""

    def remember(self, name: str, value: str, *, once: bool = False) -> None:
        how = "OR IGNORE" if once else "OR REPLACE"
        self._db.execute(insert(FactRow).prefix_with(how).values(name=name, value=value))

    def floor(self) -> int:
        """The first nonce this ledger may give: above 0 after a reconciliation."""
        return int(self.recall("floor") or 0)

    def next_nonce(self) -> int:
        top = self._db.execute(select(func.max(col(IntentRow.nonce)))).scalar()
        return max(self.floor(), 0 if top is None else top + 1)

    def entry(self, intent_id: str) -> Entry | None:
        query = select(IntentRow).where(IntentRow.id == intent_id)
        row = self._db.execute(query).mappings().first()
        return None if row is None else self._entry(row)

    def entries(self, from_nonce: int) -> list[Entry]:
        rows = self._db.execute(
            select(IntentRow).where(IntentRow.nonce >= from_nonce).order_by(col(IntentRow.nonce))
        )
        return [self._entry(row) for row in rows.mappings()]

    def spent(self, now: int) -> list[Spent]:
        rows = self._db.execute(
            select(SpentRow.at, SpentRow.asset, SpentRow.amount).where(SpentRow.at > now - DAY_MS)
        )
        return [Spent(at, asset, int(amount)) for at, asset, amount in rows]

    def add(self, intent: Intent, nonce: int, at: int) -> None:
        call = json.dumps(call_to_json(intent.call), separators=(",", ":"))
        self._db.execute(
            insert(IntentRow).values(
                nonce=nonce,
                id=intent.id,
                because=intent.because,
                purpose=intent.purpose,
                call=call,
                at=at,
            )
        )

    def sign(self, nonce: int, attempt: Attempt) -> None:
        self._db.execute(
            insert(AttemptRow).values(
                nonce=nonce,
                hash=attempt.hash,
                raw=attempt.raw,
                max_fee=str(attempt.fees.max_fee),
                priority=str(attempt.fees.priority),
            )
        )

    def spend(self, nonce: int, at: int, spend: Mapping[str, int]) -> None:
        rows = [
            {"at": at, "nonce": nonce, "asset": asset, "amount": str(amount)}
            for asset, amount in spend.items()
            if amount
        ]
        if rows:
            self._db.execute(insert(SpentRow), rows)

    def checkpoint(self, epoch: int | None = None) -> CheckpointRow | None:
        """One epoch's head, or the newest."""
        query = select(CheckpointRow).order_by(col(CheckpointRow.epoch).desc()).limit(1)
        if epoch is not None:
            query = query.where(CheckpointRow.epoch == epoch)
        row = self._db.execute(query).mappings().first()
        return None if row is None else CheckpointRow(**row)

    def add_checkpoint(self, row: CheckpointRow) -> None:
        self._db.execute(insert(CheckpointRow).values(**row.model_dump()))

    def newest_halt(self) -> HaltRow | None:
        query = select(HaltRow).order_by(col(HaltRow.id).desc()).limit(1)
        row = self._db.execute(query).mappings().first()
        return None if row is None else HaltRow(**row)

    def newest_halt_on_chain(self) -> int:
        return self._db.execute(select(func.max(col(HaltRow.on_chain)))).scalar() or 0

    def add_halt(self, reason: str, at: int, on_chain: int = 0) -> int:
        last = self.newest_halt()
        number = max(on_chain, last.id + 1 if last else 1)
        self._db.execute(
            insert(HaltRow).values(id=number, reason=reason, on_chain=on_chain, at=at, resumed="")
        )
        return number

    def lift(self, halt_id: int, signature: str) -> None:
        self._db.execute(
            update(HaltRow).where(col(HaltRow.id) == halt_id).values(resumed=signature)
        )

    def _entry(self, row: RowMapping) -> Entry:
        attempts = self._db.execute(
            select(AttemptRow.hash, AttemptRow.raw, AttemptRow.max_fee, AttemptRow.priority)
            .where(AttemptRow.nonce == row["nonce"])
            .order_by(col(AttemptRow.n))
        )
        intent = Intent(
            id=row["id"],
            because=row["because"],
            purpose=row["purpose"],
            call=call_from_json(json.loads(row["call"])),
        )
        return Entry(
            intent,
            row["nonce"],
            tuple(
                Attempt(hash_, raw, Fees(Wei(int(max_fee)), Wei(int(priority))))
                for hash_, raw, max_fee, priority in attempts
            ),
        )


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
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerHeld()
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return LedgerFull(why=str(error))
    return LedgerDamaged(why=str(error))
