"""What transactions were for, what became of them and what they cost, as the log tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from telemetry.auditing.moments import OTHERS, When
from telemetry.auditing.said import Sent, Settled
from telemetry.auditing.thinning import Kept, Thin

K = TypeVar("K")
V = TypeVar("V")

PAID: Final = 600
FAILED: Final = 400
CLOSING: Final = "close"
"""A lease that is closed because the life ends; no decision says so."""
UNKNOWN: Final = "unknown"
_KINDS: Final = 40
_LONGEST: Final = 40
_OPEN: Final = 4096
"""Of transactions that have not settled yet, and acts that may still be sent: the newest."""


class Outlay(NamedTuple):
    """A transaction that settled; `total` is what all so far have cost, in wei."""

    when: When
    ok: bool
    total: int


@dataclass(slots=True)
class Tally:
    """What was sent for one purpose, and what came of it."""

    sent: int = 0
    done: int = 0
    failed: int = 0
    fees: int = 0
    pulled: int = 0
    """In micro-units of the life's own token, of those that did not fail."""


class _Open(NamedTuple):
    purpose: str
    pulled: int


def _place(paid: Outlay) -> int:
    return paid.when.seq


@dataclass(slots=True)
class Expenses:
    """Hears of every transaction in order."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    """By the action that was chosen, or else by purpose."""
    fees: int = 0
    """Of all that settled, in wei."""
    paid: Thin[Outlay] = field(default_factory=lambda: Thin(PAID, _place))
    failed: Kept[Outlay] = field(default_factory=lambda: Kept(FAILED))
    _acts: dict[int, str] = field(default_factory=dict)
    _open: dict[str, _Open] = field(default_factory=dict)

    def decide(self, acts: Mapping[int, str]) -> None:
        """What was chosen, by the records that transactions will name."""
        _remember(self._acts, acts)

    def name(self, purpose: str, count: int = 1) -> None:
        """Transactions of which the log only says that they are sent."""
        self._tally(purpose).sent += count

    def send(self, sent: Sent, pulled: int) -> None:
        purpose = sent.purpose
        if purpose == "act":
            closes = sent.intent.startswith("close.")
            purpose = self._acts.get(sent.because) or (CLOSING if closes else purpose)
        self.name(purpose)
        _remember(self._open, {sent.intent: _Open(purpose, pulled)})

    def settle(self, settled: Settled, when: When) -> None:
        sent = self._open.pop(settled.intent, _Open(UNKNOWN, 0))
        tally = self._tally(sent.purpose)
        tally.fees += settled.fee
        self.fees += settled.fee
        paid = Outlay(when._replace(block=settled.block), settled.ok, self.fees)
        self.paid.extend([paid])
        if settled.ok:
            tally.done += 1
            tally.pulled += sent.pulled
        else:
            tally.failed += 1
            self.failed.add(paid)

    def _tally(self, purpose: str) -> Tally:
        name = purpose[:_LONGEST]
        if name not in self.tallies and len(self.tallies) >= _KINDS:
            name = OTHERS
        return self.tallies.setdefault(name, Tally())


def _remember(memory: dict[K, V], items: Mapping[K, V]) -> None:
    """Add to it; what is oldest is forgotten."""
    memory.update(items)
    if len(memory) > 2 * _OPEN:
        for oldest in list(memory)[:-_OPEN]:
            del memory[oldest]
