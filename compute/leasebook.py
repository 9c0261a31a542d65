"""Every lease of one provider that still needs something, read anew at each block."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from chain.port import Reader
from chain.types import Address
from compute.duties import is_finished
from compute.onchain import LeaseRow, lease_count, lease_row

DEPTH: Final = 64
"""Ids younger than this many blocks are looked at again: a reorg may give them to someone else."""
AT_ONCE: Final = 100


class LeaseBook:
    """Finds leases by counting, without logs, so that it can begin anywhere and miss nothing."""

    def __init__(self, market: Address, provider: Address, floor: int = 1) -> None:
        self._market = market
        self._provider = provider
        self._known = floor - 1
        """Every id up to here is either tracked or not ours for ever."""
        self._tracked: frozenset[int] = frozenset()
        self._counts: deque[tuple[int, int]] = deque()

    @property
    def floor(self) -> int:
        """The first lease that a restart has to look at."""
        return min(self._tracked, default=self._known + 1)

    async def refresh(self, read: Reader) -> Sequence[LeaseRow]:
        count = await lease_count(read, self._market)
        ids = sorted({*self._tracked, *range(self._known + 1, count + 1)})
        rows = await self._rows(read, ids)
        now = read.block.at
        ours = [r for r in rows if r.provider == self._provider and not is_finished(r, now)]
        self._remember(read.block.number, count, ours)
        return ours

    async def _rows(self, read: Reader, ids: Sequence[int]) -> Sequence[LeaseRow]:
        rows: list[LeaseRow] = []
        for first in range(0, len(ids), AT_ONCE):
            page = ids[first : first + AT_ONCE]
            rows += await asyncio.gather(*(lease_row(read, self._market, one) for one in page))
        return rows

    def _remember(self, block: int, count: int, ours: Iterable[LeaseRow]) -> None:
        self._counts.append((block, count))
        while self._counts and self._counts[0][0] <= block - DEPTH:
            self._known = max(self._known, self._counts.popleft()[1])
        self._tracked = frozenset(row.id for row in ours if row.id <= self._known)
