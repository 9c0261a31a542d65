"""The signer's tables. Amounts are decimal text: SQLite's integers are too small for wei."""

from __future__ import annotations

from typing import Final

from sqlmodel import Field, SQLModel

TABLES: Final = ("intents", "attempts", "spent", "checkpoints", "halts", "facts")


class IntentRow(SQLModel, table=True):
    """What was promised a nonce; the primary key is the nonce, so none is given twice."""

    __tablename__ = "intents"
    nonce: int = Field(primary_key=True)
    id: str = Field(unique=True)
    because: int
    purpose: str
    call: str
    at: int


class AttemptRow(SQLModel, table=True):
    """Signed bytes, stored before they leave; several for one nonce differ in fees alone."""

    __tablename__ = "attempts"
    n: int | None = Field(default=None, primary_key=True)
    nonce: int = Field(index=True, foreign_key="intents.nonce")
    hash: str = Field(unique=True)
    raw: str
    max_fee: str
    priority: str


class SpentRow(SQLModel, table=True):
    """Worst cases in the order they were counted; `at` is the ledger's time in milliseconds."""

    __tablename__ = "spent"
    n: int | None = Field(default=None, primary_key=True)
    at: int = Field(index=True)
    nonce: int
    asset: str
    amount: str


class CheckpointRow(SQLModel, table=True):
    """The one signed head of each epoch."""

    __tablename__ = "checkpoints"
    epoch: int = Field(primary_key=True)
    size: int
    root: str
    prev: str
    signature: str


class HaltRow(SQLModel, table=True):
    """Every halt there was; the newest counts, and only the operator's signature lifts it."""

    __tablename__ = "halts"
    id: int = Field(primary_key=True)
    reason: str
    on_chain: int
    """The registry's own number of this halt, 0 for a halt made here."""
    at: int
    resumed: str = ""
    """The signature that lifted it."""


class FactRow(SQLModel, table=True):
    """Single facts: whose ledger this is, its clock, the limits it has accepted."""

    __tablename__ = "facts"
    name: str = Field(primary_key=True)
    value: str
