"""What a log's decisions say of the life that made them: how long it paid, and who thought.

A harvest of an audit: it is handed every epoch's records, wherever they are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.replay import Sampler, Taken
from finetune.features import paid_h, time_of
from finetune.tables import Row, untils
from telemetry.auditing.epoch import Epoch, Read
from telemetry.checkpoint import Checkpoint


class Said(NamedTuple):
    """Of one epoch: when each decision was and how long it was paid for, and a sample of them."""

    began_ms: int
    made: Sequence[Row]
    models: frozenset[str]
    sample: Taken


def witness(_: Checkpoint) -> Witness:
    return Witness()


@dataclass(slots=True)
class Witness:
    began_ms: int = 0
    made: list[Row] = field(default_factory=list)
    models: set[str] = field(default_factory=set)
    sampler: Sampler = field(default_factory=Sampler)

    def take(self, records: Sequence[Read]) -> None:
        self.sampler.take(records)
        if records and not self.began_ms:
            self.began_ms = records[0].record.at
        for _, _, _, record in records:
            if record.kind == "decision":
                seen, model = record.body["observation"], record.body.get("model")
                short = {"block": seen.get("block"), "lease": seen.get("lease")}
                self.made.append({"time": time_of(seen), "seen": short})
                if isinstance(model, dict):
                    self.models.add(str(model.get("gguf")))

    def done(self) -> Said:
        return Said(self.began_ms, self.made, frozenset(self.models), self.sampler.done())


@dataclass(slots=True)
class Gathered:
    """All epochs' together, in their order."""

    began_ms: int = 0
    """By the wall's clock of whoever wrote the log."""
    made: list[Row] = field(default_factory=list)
    models: set[str] = field(default_factory=set)

    def gather(self, _: Epoch, said: Said) -> None:
        self.began_ms = self.began_ms or said.began_ms
        self.made += said.made
        self.models |= said.models

    @property
    def hours(self) -> float:
        """Under a paid lease."""
        return sum(
            paid_h(row["seen"], until)
            for row, until in zip(self.made, untils(self.made), strict=True)
        )
