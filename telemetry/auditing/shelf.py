"""What a whole log says, kept on disk while it is audited: a long life costs no more memory.

A temporary SQLite file that vanishes with the process, unless it is saved to go on with later.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from telemetry.auditing.calls import Pulled
from telemetry.auditing.said import Leased, Mark, Settled, Sold
from telemetry.database import sync_folder
from telemetry.errors import BadKept

_SCHEMA: Final = """
CREATE TABLE intents (intent TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE named (
    nonce INTEGER PRIMARY KEY, seq INTEGER, intent TEXT, purpose TEXT, hash TEXT, told TEXT,
    block INTEGER
);
CREATE TABLE owed (place INTEGER PRIMARY KEY, seq INTEGER, intent TEXT, told TEXT);
CREATE TABLE settled (
    nonce INTEGER PRIMARY KEY, seq INTEGER, intent TEXT, hash TEXT, block INTEGER,
    block_hash TEXT, ok INTEGER, gas TEXT, fee TEXT
);
CREATE TABLE pulls (
    token TEXT, nonce BLOB, payee TEXT, value TEXT, used INTEGER, PRIMARY KEY (token, nonce)
) WITHOUT ROWID;
CREATE TABLE funded (tx TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE prices (seq INTEGER PRIMARY KEY, block INTEGER, price TEXT);
CREATE TABLE sold (
    token TEXT, payer TEXT, nonce TEXT, amount TEXT, tx TEXT, because INTEGER, seq INTEGER,
    PRIMARY KEY (token, payer, nonce)
) WITHOUT ROWID;
CREATE INDEX sold_in ON sold (tx);
CREATE TABLE own (tx TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE marks (epoch INTEGER PRIMARY KEY, size INTEGER, root BLOB, digest BLOB, block INTEGER);
CREATE TABLE leases (
    place INTEGER PRIMARY KEY, seq INTEGER, block INTEGER, lease INTEGER, network TEXT, state TEXT,
    offer INTEGER, provider TEXT, rate TEXT
);
CREATE TABLE tokens (token TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE notes (name TEXT PRIMARY KEY, note BLOB) WITHOUT ROWID
"""
VERSION: Final = 3
_ACTS: Final = "named.purpose = 'act' AND named.intent NOT LIKE 'close.%'"
_DECISION: Final = "CAST(substr(named.intent, 1, instr(named.intent, '.') - 1) AS INTEGER)"
"""An intent that follows from a decision begins with its number."""
_JUDGE: Final = "judge"


class Named(NamedTuple):
    """A transaction that a record names; what is None the record does not say."""

    seq: int
    intent: str
    purpose: str
    nonce: int
    hash: str | None
    told: str | None
    """As `calls.Told.load` reads it."""
    block: int
    """The last that was known when it was written down before it was sent; 0 if it was not."""


class Owed(NamedTuple):
    """An authorization that a record names, which anyone may bring to the chain."""

    seq: int
    intent: str
    told: str


class SettledAt(NamedTuple):
    """What record `seq` says of how a transaction ended."""

    seq: int
    said: Settled


class Act(NamedTuple):
    """A transaction that decision `seq` made, and what it burnt."""

    seq: int
    tx: str
    fee: int


class LeaseAt(NamedTuple):
    """What record `seq`, read at a block, says of a lease."""

    seq: int
    block: int
    said: Leased


class PricedAt(NamedTuple):
    """The price that decision `seq`, read at a block, chose."""

    seq: int
    block: int
    price: int


class SoldAt(NamedTuple):
    """What record `seq` says of an answer that was sold."""

    seq: int
    said: Sold


class Shelf:
    """Facts in, facts out; the judging is done by others."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute(f"PRAGMA user_version = {VERSION}")
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        self._db.execute("BEGIN")

    def close(self) -> None:
        self._db.close()

    def save(self, path: Path, state: bytes) -> None:
        """Put everything on disk, with the state of whoever filled it: whole, or not at all."""
        self.remember(_JUDGE, state)
        self._db.execute("COMMIT")
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            fresh.unlink()
        with closing(sqlite3.connect(fresh)) as copy:
            self._db.backup(copy)
        fresh.replace(path)
        sync_folder(path.parent)
        self._db.execute("BEGIN")

    @classmethod
    def load(cls, path: Path) -> tuple[Shelf, bytes]:
        """Take up what `save` left; raises `BadKept` if that cannot be read."""
        shelf = cls()
        try:
            shelf._db.execute("COMMIT")
            uri = f"{path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as kept:
                kept.backup(shelf._db)
            (version,) = shelf._db.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise sqlite3.DatabaseError("of another version")
            shelf._db.execute("BEGIN")
            state = shelf.recall(_JUDGE)
        except sqlite3.Error as error:
            shelf.close()
            raise BadKept(file=path.name, why=str(error)) from error
        if state is None:
            shelf.close()
            raise BadKept(file=path.name, why="nothing is kept there")
        return shelf, state

    @staticmethod
    def peek(path: Path, name: str) -> bytes:
        """One note of what `save` left, without taking up the rest; empty if it is not there."""
        try:
            uri = f"{path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as kept:
                row = kept.execute("SELECT note FROM notes WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error as error:
            raise BadKept(file=path.name, why=str(error)) from error
        return bytes(row[0]) if row else b""

    def remember(self, name: str, note: bytes) -> None:
        """Something to be saved with the rest."""
        self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, note))

    def recall(self, name: str) -> bytes | None:
        row = self._db.execute("SELECT note FROM notes WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    # Intents

    def intend(self, intent: str) -> bool:
        """Remember an intent's name; whether it is new."""
        return self._new("INSERT OR IGNORE INTO intents VALUES (?)", (intent,))

    def name(self, named: Named) -> bool:
        """Whether its nonce was not named before."""
        seq, intent, purpose, nonce, tx, told, block = named
        row = (nonce, seq, intent, purpose, tx, told, block)
        return self._new("INSERT OR IGNORE INTO named VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def named(self, nonce: int) -> Named | None:
        return next(self._named("WHERE nonce = ?", nonce), None)

    def intended(self, nonce: int) -> str | None:
        """The intent that is named at a nonce."""
        query = "SELECT intent FROM named WHERE nonce = ?"
        row = self._db.execute(query, (nonce,)).fetchone()
        return row[0] if row else None

    def all_named(self, start: int = 0) -> Iterator[Named]:
        """In the order of their nonces."""
        return self._named("WHERE nonce >= ? ORDER BY nonce", start)

    def _named(self, where: str, value: int) -> Iterator[Named]:
        query = f"SELECT seq, intent, purpose, nonce, hash, told, block FROM named {where}"  # noqa: S608 - ours
        return (Named(*row) for row in self._db.execute(query, (value,)))

    def owe(self, owed: Owed) -> None:
        self._db.execute("INSERT INTO owed VALUES (NULL, ?, ?, ?)", owed)

    def all_owed(self) -> Iterator[Owed]:
        return (Owed(*row) for row in self._db.execute("SELECT seq, intent, told FROM owed"))

    def settle(self, seq: int, said: Settled) -> bool:
        """Whether it was not settled before."""
        intent, nonce, tx, block, block_hash, ok, gas, fee = said
        row = (nonce, seq, intent, tx, block, block_hash, ok, str(gas), str(fee))
        return self._new("INSERT OR IGNORE INTO settled VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def settled(self, nonce: int) -> SettledAt | None:
        query = "SELECT * FROM settled WHERE nonce = ?"
        row = self._db.execute(query, (nonce,)).fetchone()
        if row is None:
            return None
        nonce, seq, intent, tx, block, block_hash, ok, gas, fee = row
        said = Settled(intent, nonce, tx, block, block_hash, bool(ok), int(gas), int(fee))
        return SettledAt(seq, said)

    def acts(self) -> Iterator[Act]:
        """What decisions did and was settled, decision by decision."""
        query = f"""
            SELECT {_DECISION}, settled.hash, settled.fee FROM named JOIN settled USING (nonce)
            WHERE {_ACTS} ORDER BY 1, nonce
        """  # noqa: S608 - ours
        return (Act(seq, tx, int(fee)) for seq, tx, fee in self._db.execute(query))

    def first_unsettled(self, since: int) -> int | None:
        """The first decision from one on of which it is not known yet what became of it."""
        query = f"""
            SELECT min({_DECISION}) FROM named LEFT JOIN settled USING (nonce)
            WHERE {_ACTS} AND settled.nonce IS NULL AND {_DECISION} >= ?
        """  # noqa: S608 - ours
        (seq,) = self._db.execute(query, (since,)).fetchone()
        return None if seq is None else int(seq)

    @property
    def last_nonce(self) -> int:
        """The largest that is named; -1 if none is."""
        (last,) = self._db.execute("SELECT max(nonce) FROM named").fetchone()
        return -1 if last is None else int(last)

    # Money

    def allow(self, pulled: Pulled) -> None:
        token, nonce, payee, value = pulled
        row = (token, nonce, payee, str(value))
        self._db.execute("INSERT OR IGNORE INTO pulls VALUES (?, ?, ?, ?, 0)", row)

    def use(self, token: str, nonce: bytes) -> Pulled | None:
        """What the log allows under this nonce of this token; None if nothing, or used before."""
        query = """
            UPDATE pulls SET used = 1 WHERE token = ? AND nonce = ? AND NOT used
            RETURNING payee, value
        """
        row = self._db.execute(query, (token, nonce)).fetchone()
        return Pulled(token, nonce, row[0], int(row[1])) if row else None

    def fund(self, tx: str) -> None:
        self._many("INSERT OR IGNORE INTO funded VALUES (?)", (tx,))

    def is_funded(self, tx: str) -> bool:
        return self._has("funded", "tx", tx)

    def price(self, at: PricedAt) -> None:
        row = (at.seq, at.block, str(at.price))
        self._db.execute("INSERT OR IGNORE INTO prices VALUES (?, ?, ?)", row)

    def priced(self, seq: int) -> PricedAt | None:
        return self._price("seq = ?", seq)

    def priced_after(self, seq: int) -> PricedAt | None:
        """The next decision that chose a price."""
        return self._price("seq > ? ORDER BY seq LIMIT 1", seq)

    def _price(self, where: str, value: int) -> PricedAt | None:
        query = f"SELECT seq, block, price FROM prices WHERE {where}"  # noqa: S608 - ours
        row = self._db.execute(query, (value,)).fetchone()
        return PricedAt(row[0], row[1], int(row[2])) if row else None

    def sell(self, at: SoldAt) -> bool:
        """Whether the authorization was not named before."""
        token, payer, nonce, amount, tx, because = at.said
        row = (token, payer, nonce, str(amount), tx, because, at.seq)
        return self._new("INSERT OR IGNORE INTO sold VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def sales(self) -> Iterator[SoldAt]:
        """All of them, in the order in which they were told."""
        query = "SELECT seq, token, payer, nonce, amount, tx, because FROM sold ORDER BY seq"
        for seq, *said in self._db.execute(query):
            sold = Sold(*said)
            yield SoldAt(seq, sold._replace(amount=int(sold.amount)))

    def sold_in(self, tx: str) -> Sequence[tuple[str, str, int]]:
        """Token, payer and amount of each sale that a transaction is said to have paid."""
        query = "SELECT token, payer, amount FROM sold WHERE tx = ?"
        return [(token, who, int(much)) for token, who, much in self._db.execute(query, (tx,))]

    def own(self, tx: str) -> None:
        """A transaction of the wallet that was found on the chain."""
        self._many("INSERT OR IGNORE INTO own VALUES (?)", (tx,))

    def is_own(self, tx: str) -> bool:
        return self._has("own", "tx", tx)

    def deal_in(self, tokens: Iterable[str]) -> None:
        """Tokens that the log itself deals with."""
        self._many("INSERT OR IGNORE INTO tokens VALUES (?)", tokens)

    def deals_in(self, token: str) -> bool:
        return self._has("tokens", "token", token)

    # Epochs and leases

    def mark(self, mark: Mark, block: int) -> None:
        """A state of the log, and the last block that was known by then."""
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?)", (*mark, block))

    def marked(self, epoch: int) -> Mark | None:
        return self._mark("WHERE epoch = ?", (epoch,))

    def has_mark(self, digest: bytes) -> bool:
        return self._has("marks", "digest", digest)

    def marked_at(self, epoch: int) -> int:
        """The last block that was known when this epoch's last record was written."""
        row = self._db.execute("SELECT block FROM marks WHERE epoch = ?", (epoch,)).fetchone()
        return int(row[0]) if row else 0

    @property
    def last_mark(self) -> Mark | None:
        return self._mark("ORDER BY epoch DESC LIMIT 1", ())

    def _mark(self, where: str, values: Sequence[int]) -> Mark | None:
        query = f"SELECT epoch, size, root, digest FROM marks {where}"  # noqa: S608 - ours
        row = self._db.execute(query, values).fetchone()
        return Mark(*row) if row else None

    def lease(self, at: LeaseAt) -> None:
        lease, network, state, offer, provider, rate = at.said
        row = (None, at.seq, at.block, lease, network, state, offer, provider, str(rate))
        self._db.execute("INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def leases(self) -> Iterator[LeaseAt]:
        """In the order in which they were told."""
        query = "SELECT seq, block, lease, network, state, offer, provider, rate FROM leases"
        for seq, block, *said in self._db.execute(query):
            leased = Leased(*said)
            yield LeaseAt(seq, block, leased._replace(rate=int(leased.rate)))

    def leased(self, network: str) -> Sequence[int]:
        """The leases of a network that are told of."""
        query = "SELECT DISTINCT lease FROM leases WHERE network = ?"
        return [lease for (lease,) in self._db.execute(query, (network,))]

    # Rows

    def _new(self, statement: str, row: Sequence[Any]) -> bool:
        return self._db.execute(statement, row).rowcount == 1

    def _many(self, statement: str, values: Iterable[Any]) -> None:
        self._db.executemany(statement, ((value,) for value in values))

    def _has(self, table: str, column: str, value: Any) -> bool:
        query = f"SELECT 1 FROM {table} WHERE {column} = ?"  # noqa: S608 - ours
        return self._db.execute(query, (value,)).fetchone() is not None
