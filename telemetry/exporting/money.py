"""What a wallet's tokens did between two blocks: summed from the chain once, asked for often."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from telemetry.auditing.audit import Audited
from telemetry.auditing.takings import Takings

Blocks = Sequence[int]


class Sums(NamedTuple):
    """Token units that moved in each of some spans of blocks."""

    cost: Sequence[int]
    income: Sequence[int]
    gift: Sequence[int]


class Money:
    """All movements of one token, by block."""

    def __init__(self) -> None:
        self._cost, self._income, self._gift = _Flow(), _Flow(), _Flow()

    @classmethod
    async def read(cls, audited: Audited) -> Money | None:
        """None where no chain was asked."""
        birth, witness, life = audited.known.birth, audited.witness, audited.life
        if birth is None or witness is None or life is None or audited.account is None:
            return None
        money, head, takings = cls(), audited.account.head, Takings(audited.shelf)
        deposited = 0
        async for spending in witness.spendings(life, head):
            for out in spending.out:
                if out.token == birth.token and out.other != life.operator:
                    money._cost.add(out.block, out.value)
                    deposited += out.value if out.other == birth.market else 0
        async for gain in witness.gains(life, head):
            if gain.token == birth.token:
                # What the market gives back of a lease that another has ended was the wallet's own.
                back = gain.other == birth.market and gain.value <= deposited
                deposited -= gain.value if back else 0
                asked = audited.shelf.is_own(gain.tx) or takings.take(gain) or back
                (money._income if asked else money._gift).add(gain.block, gain.value)
        return money

    def between(self, edges: Blocks) -> Sums:
        """What moved after each edge, up to and with the next one."""
        places = np.asarray(edges, dtype=np.int64)
        return Sums(*(flow.between(places) for flow in (self._cost, self._income, self._gift)))

    @property
    def gifts(self) -> int:
        return self._gift.total


class _Flow:
    """Amounts by block, in the chain's order."""

    def __init__(self) -> None:
        self.total = 0
        self._blocks: list[int] = []
        self._edges = np.empty(0, dtype=np.int64)
        self._sums: list[int] = [0]
        """All up to each movement: Python's integers, for a token may count in any number."""

    def add(self, block: int, value: int) -> None:
        self.total += value
        self._blocks.append(block)
        self._sums.append(self.total)

    def between(self, edges: np.ndarray) -> Sequence[int]:
        if len(self._edges) != len(self._blocks):
            self._edges = np.asarray(self._blocks, dtype=np.int64)
        at = np.searchsorted(self._edges, edges, side="right")
        sums = [self._sums[place] for place in at]
        return [after - before for before, after in pairwise(sums)]
