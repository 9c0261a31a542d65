"""What a log's decisions say of the life that made them: how long it paid, and who thought.

A harvest of an audit: it is handed every epoch's records, wherever they are judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.replay import Sampler, Taken
from finetune.features import paid_h
from telemetry.auditing.epoch import Epoch, Read
from telemetry.checkpoint import Checkpoint


class Said(NamedTuple):
    """Of one epoch: when each decision was and how long it was paid for, and a sample of them."""

    began_ms: int
    paid: Sequence[tuple[float, Mapping[str, Any]]]
    models: frozenset[str]
    sample: Taken


def witness(_: Checkpoint) -> Witness:
    return Witness()


@dataclass(slots=True)
class Witness:
    began_ms: int = 0
    paid: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    models: set[str] = field(default_factory=set)
    sampler: Sampler = field(default_factory=Sampler)

    def take(self, records: Sequence[Read]) -> None:
        self.sampler.take(records)
        if records and not self.began_ms:
            self.began_ms = records[0].record.at
        for _, _, _, record in records:
            if record.kind == "decision":
                seen, model = record.body["observation"], record.body.get("model")
                short = {"block": seen["block"], "lease": seen.get("lease")}
                self.paid.append((float(seen["block"]["at"]), short))
                if isinstance(model, dict):
                    self.models.add(str(model["gguf"]))

    def done(self) -> Said:
        return Said(self.began_ms, self.paid, frozenset(self.models), self.sampler.done())


@dataclass(slots=True)
class Gathered:
    """All epochs' together, in their order."""

    began_ms: int = 0
    """By the wall's clock of whoever wrote the log."""
    paid: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    models: set[str] = field(default_factory=set)

    def gather(self, _: Epoch, said: Said) -> None:
        self.began_ms = self.began_ms or said.began_ms
        self.paid += said.paid
        self.models |= said.models

    @property
    def hours(self) -> float:
        """Under a paid lease; the last decision counts for as long as the one before it."""
        times = [at for at, _ in self.paid]
        last = times[-1] - times[-2] if len(times) > 1 else 0.0
        untils = [*times[1:], times[-1] + last] if times else []
        return sum(paid_h(seen, until) for (_, seen), until in zip(self.paid, untils, strict=True))
