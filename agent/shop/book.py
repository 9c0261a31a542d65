"""The shop's own book: prices that were said, what was worked for and what was paid.

The log is the cause and the chain is the proof; the book only remembers what neither tells a shop
that was killed: an answer that is owed, and how many asked. Of a question it holds a digest alone.
It is durable at every call.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent.errors import ShopFailed
from agent.shop.prices import Priced
from chain.types import Json, Micro
from telemetry.database import open_exclusive, transaction
from telemetry.errors import TelemetryError

_SCHEMA: Final = """
CREATE TABLE heard (only INTEGER PRIMARY KEY CHECK (only = 0), seq INTEGER NOT NULL);
CREATE TABLE prices (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, price TEXT NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0, sold INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE sales (
    payer TEXT NOT NULL, nonce TEXT NOT NULL, name TEXT NOT NULL, question BLOB NOT NULL,
    amount TEXT NOT NULL, because INTEGER NOT NULL, payment TEXT NOT NULL, answer BLOB NOT NULL,
    since INTEGER NOT NULL, valid_before INTEGER NOT NULL, tx TEXT, told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (payer, nonce)
) WITHOUT ROWID;
CREATE INDEX named ON sales (payer, name)
"""
REMEMBERED: Final = 32
"""So many prices: what older ones brought says little of today."""


class Sale(NamedTuple):
    """Work that was done for a payment; `tx` is known once the chain shows that it was paid."""

    payer: str
    nonce: str
    name: str
    question: bytes
    """Its digest."""
    amount: Micro
    because: int
    """The decision whose price it is."""
    payment: Mapping[str, Any]
    """As a facilitator takes it, to settle it again."""
    answer: bytes
    since: int
    """No block before this one holds its transfer."""
    valid_before: int
    tx: str | None = None
    told: bool = False
    """Whether the log has it."""


class Tried(NamedTuple):
    """A price, and what came of it."""

    seq: int
    at: int
    price: Micro
    asked: int
    sold: int


_FIELDS: Final = ", ".join(Sale._fields)


class Book:
    """One SQLite file that one process holds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = open_exclusive(path, _SCHEMA)
        except TelemetryError as fault:
            raise ShopFailed(f"{path} cannot be opened", str(fault.facts.get("why", ""))) from fault
        self.tried: tuple[Tried, ...] = self._read_prices()

    def close(self) -> None:
        self._db.close()

    # What was said of the price

    @property
    def heard(self) -> int:
        """The first record of the log that the book has not heard yet."""
        with self._faults():
            row = self._db.execute("SELECT seq FROM heard").fetchone()
        return int(row[0]) if row else 0

    def hear(self, seq: int, said: Priced | None) -> None:
        """Remember that the log was heard up to a record, and the price if it named one."""
        with self._faults(), transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO heard VALUES (0, ?)", (seq + 1,))
            if said is not None:
                row = (said.seq, said.at, str(said.price))
                self._db.execute(
                    "INSERT OR IGNORE INTO prices (seq, at, price) VALUES (?, ?, ?)", row
                )
                self._db.execute(
                    "DELETE FROM prices WHERE seq NOT IN "
                    "(SELECT seq FROM prices ORDER BY seq DESC LIMIT ?)",
                    (REMEMBERED,),
                )
        if said is not None:
            self.tried = self._read_prices()

    def count(self, seq: int, asked: int) -> None:
        """So many more asked for this price."""
        with self._faults():
            self._db.execute("UPDATE prices SET asked = asked + ? WHERE seq = ?", (asked, seq))
        self.tried = self._read_prices()

    def _read_prices(self) -> tuple[Tried, ...]:
        query = "SELECT seq, at, price, asked, sold FROM prices ORDER BY seq"
        with self._faults():
            rows = self._db.execute(query).fetchall()
        return tuple(
            Tried(seq, at, Micro(int(price)), asked, sold) for seq, at, price, asked, sold in rows
        )

    # What was sold

    def keep(self, sale: Sale) -> None:
        """Before it is settled: whoever pays from now on has an answer waiting."""
        row = (*sale[:4], str(sale.amount), sale.because, json.dumps(sale.payment), *sale[7:])
        with self._faults():
            marks = ", ".join("?" * len(row))
            self._db.execute(f"INSERT INTO sales ({_FIELDS}) VALUES ({marks})", row)  # noqa: S608 - ours

    def drop(self, sale: Sale) -> None:
        """It can be paid no more."""
        with self._faults():
            self._db.execute(
                "DELETE FROM sales WHERE payer = ? AND nonce = ?", (sale.payer, sale.nonce)
            )

    def settle(self, sale: Sale, tx: str) -> None:
        """The chain shows that it was paid."""
        with self._faults(), transaction(self._db):
            new = self._db.execute(
                "UPDATE sales SET tx = ? WHERE payer = ? AND nonce = ? AND tx IS NULL",
                (tx, sale.payer, sale.nonce),
            ).rowcount
            if new:
                self._db.execute("UPDATE prices SET sold = sold + 1 WHERE seq = ?", (sale.because,))
        self.tried = self._read_prices()

    def tell(self, payer: str, nonce: str) -> None:
        """The log has it."""
        with self._faults():
            self._db.execute(
                "UPDATE sales SET told = 1 WHERE payer = ? AND nonce = ?", (payer, nonce)
            )

    def forget(self, before: int) -> None:
        """Payments that nobody could use at this chain time, unless the log still lacks them."""
        with self._faults():
            self._db.execute(
                "DELETE FROM sales WHERE valid_before < ? AND (tx IS NULL OR told)", (before,)
            )

    def sale(self, payer: str, nonce: str) -> Sale | None:
        return self._one("payer = ? AND nonce = ?", payer, nonce)

    def named(self, payer: str, name: str) -> Sale | None:
        """The buyer's purchase of this name, the paid one first."""
        return (
            self._one("payer = ? AND name = ? ORDER BY tx IS NULL", payer, name) if name else None
        )

    def of(self, payer: str) -> Sequence[Sale]:
        return self._sales("payer = ?", payer)

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            raise ShopFailed(f"{self._path}: {fault}", "look at the disk") from fault

    def _one(self, where: str, *values: Json) -> Sale | None:
        return next(iter(self._sales(where, *values)), None)

    def _sales(self, where: str, *values: Json) -> list[Sale]:
        query = f"SELECT {_FIELDS} FROM sales WHERE {where}"  # noqa: S608 - ours
        with self._faults():
            rows = self._db.execute(query, values).fetchall()
        return [_sale(row) for row in rows]


def _sale(row: Sequence[Any]) -> Sale:
    sale = Sale(*row)
    return sale._replace(
        amount=Micro(int(sale.amount)),
        payment=json.loads(str(sale.payment)),
        told=bool(sale.told),
    )
