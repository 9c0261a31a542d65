"""Intents that are signed and not settled.

Nothing here is stored: the signer's ledger holds the bytes and the log says what has settled, so
after a crash it is enough to add the rest again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chain.replies import Reply
from chain.txstate import FROZEN, NEXT, QUEUED, SETTLED, Event, State
from chain.types import Attempt, Entry, Receipt


@dataclass(frozen=True, slots=True)
class Flight:
    """One intent on its way. Times are of the sender's clock."""

    entry: Entry
    since: float
    """When the newest attempt began to wait."""
    state: State = QUEUED
    receipt: Receipt | None = None
    reply: Reply = Reply.SILENT
    sent_at: float = float("-inf")
    refused_at: float = float("-inf")
    """When the signer last refused to pay more."""
    height: int | None = None
    """The head at which the newest attempt was first found waiting."""
    doubts: frozenset[str] = frozenset()
    """Heads at which the nonce was found used by nothing of ours."""

    @property
    def id(self) -> str:
        return self.entry.intent.id

    @property
    def newest(self) -> Attempt:
        return self.entry.attempts[-1]


class Outbox:
    """All flights, by intent."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}

    def add(self, entry: Entry, now: float) -> Flight:
        """Take an intent in once; asked again, learn the attempts that are new."""
        known = self._flights.get(entry.intent.id)
        if known is None:
            known = self._flights[entry.intent.id] = Flight(entry, since=now)
        elif len(entry.attempts) > len(known.entry.attempts):
            known = self.note(known.id, entry=entry, since=now, height=None)
        return known

    def get(self, intent: str) -> Flight:
        return self._flights[intent]

    def open(self) -> tuple[Flight, ...]:
        """In the order of their nonces."""
        return tuple(sorted(self._flights.values(), key=lambda flight: flight.entry.nonce))

    def frozen(self) -> Flight | None:
        return next((each for each in self._flights.values() if each.state is FROZEN), None)

    def step(self, intent: str, event: Event, receipt: Receipt | None = None) -> Flight:
        """The one way in which a state changes; a settled flight leaves."""
        flight = self._flights[intent]
        moved = self.note(intent, state=NEXT[flight.state, event], receipt=receipt)
        if moved.state is SETTLED:
            del self._flights[intent]
        return moved

    def note(self, intent: str, **facts: Any) -> Flight:
        """Remember something about a flight."""
        noted = self._flights[intent] = replace(self._flights[intent], **facts)
        return noted
