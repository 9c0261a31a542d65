"""Which pages of a market's offers to read when there are too many to read them all at each block.

Anyone may post offers, and none is ever forgotten. What is read is bounded: pages of offers that
are rented from, the newest page, the pages that were cheapest when they were last read, and the
others in turn. Prices come from what is read at this block alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from compute.onchain import PAGE

MOST_PAGES: Final = 8
CHEAPEST: Final = 3
"""So many of them are the cheapest known; the rest of the room is for taking turns."""


class Catalogue:
    """Remembers how cheap each page was; `due` says what to read, `saw` what was there."""

    def __init__(self) -> None:
        self._rates: dict[int, int] = {}
        self._turn = 0

    def due(self, count: int, wanted: Collection[int]) -> Sequence[int]:
        """First ids of the pages to read; `wanted` are offers that must be among them."""
        pages = -(-count // PAGE)
        if pages <= MOST_PAGES:
            return _firsts(range(pages))
        cheapest = sorted(self._rates, key=lambda page: (self._rates[page], page))[:CHEAPEST]
        must = {(offer - 1) // PAGE for offer in wanted} | {pages - 1, *cheapest}
        chosen = sorted(page for page in must if page < pages)[-MOST_PAGES + 1 :]
        for _ in range(MOST_PAGES - len(chosen)):
            chosen.append(self._turn % pages)
            self._turn += 1
        return _firsts(sorted(set(chosen)))

    def saw(self, first: int, rates: Iterable[int]) -> None:
        """Note the rates of the fitting offers of a page."""
        page = (first - 1) // PAGE
        if (cheapest := min(rates, default=None)) is None:
            self._rates.pop(page, None)
        else:
            self._rates[page] = cheapest


def _firsts(pages: Iterable[int]) -> Sequence[int]:
    return [page * PAGE + 1 for page in pages]
