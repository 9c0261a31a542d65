"""Turns an epoch's columns into rows of a life: what came of each decision, and which was last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa

from telemetry.auditing.shelf import Act
from telemetry.exporting.money import Money
from telemetry.exporting.schema import SEEN_SCHEMA, TRANSITIONS_SCHEMA


class Rows:
    """Takes batches of `SEEN_SCHEMA` in order and gives batches of `TRANSITIONS_SCHEMA`."""

    def __init__(
        self,
        life: str,
        signer: str,
        t: int,
        reached: int,
        money: Money | None,
        acts: Iterable[Act],
    ) -> None:
        self.t = t
        """The next decision's number."""
        self.reached = reached
        """Up to which block money has been counted: no later row begins before it."""
        self._life = life
        self._signer = signer
        self._money = money
        self._acts = iter(acts)
        self._ahead: Act | None = None

    def take(self, batch: pa.RecordBatch, next_block: int, over: str | None) -> pa.RecordBatch:
        """`next_block` is the one after the last row's; `over` is how the life ended with it."""
        count = batch.num_rows
        blocks = batch.column("block").to_pylist()
        money: Sequence[Sequence[int | None]] = [[None] * count] * 3
        if self._money is not None:
            edges = list(accumulate((self.reached, *blocks, next_block), max))[1:]
            money, self.reached = self._money.between(edges), edges[-1]
        fees, txs = self._done(batch.column("seq").to_pylist())
        last = [False] * (count - 1) + [True]
        told: dict[str, Any] = {
            "life": pa.repeat(self._life, count),
            "t": range(self.t, self.t + count),
            "signer": pa.repeat(self._signer, count),
            "cost_micro": money[0],
            "income_micro": money[1],
            "gift_micro": money[2],
            "fee_wei": fees,
            "txs": txs,
            "terminated": last if over == "died" else [False] * count,
            "truncated": last if over not in (None, "died") else [False] * count,
        }
        self.t += count
        arrays = [
            batch.column(field.name)
            if field.name in SEEN_SCHEMA.names
            else _array(told[field.name], field.type)
            for field in TRANSITIONS_SCHEMA
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=TRANSITIONS_SCHEMA)

    def _done(self, seqs: Sequence[int]) -> tuple[list[str], list[list[str]]]:
        """Fees and hashes of what these decisions did; acts come in the order of decisions."""
        done: dict[int, list[Act]] = defaultdict(list)
        for act in self._until(seqs[-1]):
            done[act.seq].append(act)
        fees = [str(sum(act.fee for act in done[seq])) if seq in done else "0" for seq in seqs]
        return fees, [[act.tx for act in done[seq]] if seq in done else [] for seq in seqs]

    def _until(self, seq: int) -> Iterator[Act]:
        while True:
            act = self._ahead or next(self._acts, None)
            self._ahead = None
            if act is None:
                return
            if act.seq > seq:
                self._ahead = act
                return
            yield act


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, kind)
