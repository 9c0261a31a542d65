"""What can be read and written inside one exclusive transaction of the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Final

from eth_utils.crypto import keccak
from sqlalchemy import Connection, Executable, RowMapping, bindparam, func
from sqlmodel import col, insert, select, update

from chain.clock import Reading, Stamp, advance
from chain.errors import LedgerDamaged
from chain.limits import DAY_MS, Spent
from chain.tables import AttemptRow, CheckpointRow, FactRow, HaltRow, IntentRow, SpentRow
from chain.types import Attempt, Entry, Fees, Intent, Wei
from chain.wire import call_from_json, call_to_json

# Statements are built once: building one costs more than running it.
_FACTS: Final = select(FactRow.name, FactRow.value)
_FACT: Final = insert(FactRow).prefix_with("OR REPLACE")
_COUNT: Final = select(
    func.count(col(IntentRow.nonce)), func.min(col(IntentRow.nonce)), func.max(col(IntentRow.nonce))
)
_SIGNED: Final = select(func.count(func.distinct(col(AttemptRow.nonce))))
_BY_ID: Final = select(IntentRow).where(col(IntentRow.id) == bindparam("id"))
_FROM: Final = (
    select(IntentRow)
    .where(col(IntentRow.nonce) >= bindparam("nonce"))
    .order_by(col(IntentRow.nonce))
)
_ATTEMPTS: Final = (
    select(AttemptRow)
    .where(col(AttemptRow.nonce) == bindparam("nonce"))
    .order_by(col(AttemptRow.n))
)
_SPENT: Final = select(SpentRow).where(col(SpentRow.at) > bindparam("since"))
_INTENT: Final = insert(IntentRow)
_ATTEMPT: Final = insert(AttemptRow)
_SPEND: Final = insert(SpentRow)
_HEAD: Final = select(CheckpointRow).where(col(CheckpointRow.epoch) == bindparam("epoch"))
_NEWEST_HEAD: Final = select(CheckpointRow).order_by(col(CheckpointRow.epoch).desc()).limit(1)
_ADD_HEAD: Final = insert(CheckpointRow)
_HALT: Final = select(HaltRow).order_by(col(HaltRow.id).desc()).limit(1)
_HALT_ON_CHAIN: Final = select(func.max(col(HaltRow.on_chain)))
_ADD_HALT: Final = insert(HaltRow)
_LIFT: Final = (
    update(HaltRow)
    .where(col(HaltRow.id) == bindparam("halt"))
    .values(resumed=bindparam("signature"))
)


class Transaction:
    """Valid while its transaction lasts. `window` is what was spent within the last day."""

    def __init__(
        self, connection: Connection, clock: Callable[[], Reading], window: tuple[Spent, ...]
    ) -> None:
        self.connection = connection
        self.window = window
        self._clock = clock

    def check(self) -> None:
        """Nonces without a gap, each with signed bytes: anything else is damage."""
        count, low, high = self.connection.execute(_COUNT).one()
        signed = self.connection.execute(_SIGNED).scalar_one()
        gaps = count and (high - low + 1 != count or low != self.floor())
        if signed != count or gaps:
            raise LedgerDamaged("the ledger's nonces have gaps", intents=count, signed=signed)

    def now(self) -> int:
        """The ledger's time in milliseconds, noted so that it never runs backwards."""
        last = self.recall("clock")
        stamp = advance(Stamp.from_text(last) if last else None, self._clock())
        self.remember("clock", stamp.to_text())
        return stamp.at

    def recall(self, name: str) -> str:
        return self._facts.get(name, "")

    def remember(self, name: str, value: str) -> None:
        if self._facts.get(name) != value:
            self.connection.execute(_FACT, {"name": name, "value": value})
            self._facts[name] = value

    def floor(self) -> int:
        """The first nonce this ledger gave."""
        return int(self.recall("floor") or 0)

    def next_nonce(self) -> int:
        count, _, high = self.connection.execute(_COUNT).one()
        return int(high) + 1 if count else self.floor()

    def entry(self, intent_id: str) -> Entry | None:
        row = self.connection.execute(_BY_ID, {"id": intent_id}).mappings().first()
        return None if row is None else self._entry(row)

    def entries(self, from_nonce: int) -> list[Entry]:
        rows = self.connection.execute(_FROM, {"nonce": from_nonce}).mappings()
        return [self._entry(row) for row in rows.all()]

    def add(self, intent: Intent, nonce: int, at: int) -> None:
        call = json.dumps(call_to_json(intent.call), separators=(",", ":"))
        row = {"nonce": nonce, "id": intent.id, "because": intent.because, "at": at}
        self.connection.execute(_INTENT, {**row, "purpose": intent.purpose, "call": call})

    def sign(self, nonce: int, attempt: Attempt) -> None:
        fees = {"max_fee": str(attempt.fees.max_fee), "priority": str(attempt.fees.priority)}
        row = {"nonce": nonce, "hash": attempt.hash, "raw": attempt.raw, **fees}
        self.connection.execute(_ATTEMPT, row)

    def spent_after(self, since: int) -> Iterator[Spent]:
        for row in self.connection.execute(_SPENT, {"since": since}).mappings():
            yield Spent(row["at"], row["asset"], int(row["amount"]))

    def spend(self, nonce: int, at: int, amounts: Mapping[str, int]) -> None:
        new = [Spent(at, asset, amount) for asset, amount in amounts.items() if amount]
        rows = [
            {"at": s.at, "nonce": nonce, "asset": s.asset, "amount": str(s.amount)} for s in new
        ]
        if rows:
            self.connection.execute(_SPEND, rows)
        self.window = (*(s for s in self.window if s.at > at - DAY_MS), *new)

    def checkpoint(self, epoch: int | None = None) -> CheckpointRow | None:
        """One epoch's head, or the newest."""
        query, by = (_NEWEST_HEAD, {}) if epoch is None else (_HEAD, {"epoch": epoch})
        row = self._first(query, by)
        return None if row is None else CheckpointRow(**row)

    def add_checkpoint(self, row: CheckpointRow) -> None:
        self.connection.execute(_ADD_HEAD, row.model_dump())

    def newest_halt(self) -> HaltRow | None:
        row = self._first(_HALT, {})
        return None if row is None else HaltRow(**row)

    def newest_halt_on_chain(self) -> int:
        return self.connection.execute(_HALT_ON_CHAIN).scalar() or 0

    def add_halt(self, reason: str, at: int, on_chain: int = 0) -> int:
        last = self.newest_halt()
        number = max(on_chain, last.id + 1 if last else 1)
        row = HaltRow(id=number, reason=reason, on_chain=on_chain, at=at)
        self.connection.execute(_ADD_HALT, row.model_dump())
        return number

    def lift(self, halt_id: int, signature: str) -> None:
        self.connection.execute(_LIFT, {"halt": halt_id, "signature": signature})

    @cached_property
    def _facts(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.connection.execute(_FACTS)}

    def _first(self, query: Executable, by: Mapping[str, object]) -> RowMapping | None:
        return self.connection.execute(query, dict(by)).mappings().first()

    def _entry(self, row: RowMapping) -> Entry:
        call = call_from_json(json.loads(row["call"]))
        found = self.connection.execute(_ATTEMPTS, {"nonce": row["nonce"]}).mappings()
        return Entry(
            Intent(row["id"], row["because"], row["purpose"], call),
            row["nonce"],
            tuple(_attempt(attempt) for attempt in found),
        )


def _attempt(row: RowMapping) -> Attempt:
    if "0x" + keccak(hexstr=row["raw"]).hex() != row["hash"]:
        raise LedgerDamaged("signed bytes have changed in the ledger", hash=row["hash"])
    fees = Fees(Wei(int(row["max_fee"])), Wei(int(row["priority"])))
    return Attempt(row["hash"], row["raw"], fees)
