"""Which transfers to the wallet were paid for answers: each sale accounts for one."""

from __future__ import annotations

from collections import Counter

from telemetry.auditing.facts import Movement
from telemetry.auditing.shelf import Shelf


class Takings:
    """Asked about gains in the chain's order, it holds one transaction's sales at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._tx = ""
        self._left: Counter[tuple[str, str, int]] = Counter()

    def take(self, gain: Movement) -> bool:
        """Whether it was sold for; then it is no other sale's."""
        if gain.tx != self._tx:
            self._tx, self._left = gain.tx, Counter(self._shelf.sold_in(gain.tx))
        key = (gain.token, gain.other, gain.value)
        self._left[key] -= 1
        return self._left[key] >= 0
