"""A pool's price now and over the hours before, from two views to a survey and out of it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from chain.types import Json
from strategies.pool import Pool

GET_RESERVES: Final = "getReserves()(uint112,uint112,uint32)"
HISTORY: Final = "history(address,uint256)((uint32,uint224)[])"
"""Of a desk's diary: when, and how it stood; the last is of this block."""
NOW: Final = 1_000_000
"""Prices are told in millionths of the price of now."""
SPAN_S: Final = 3600
"""A diary has a note an hour."""
GAP_S: Final = 4 * SPAN_S
"""After a longer silence nothing older counts: hours cannot be told apart in it."""
ONE: Final = 1 << 112
"""Uniswap's 1, in sums of prices."""
SUMS: Final = 1 << 224
TIMES: Final = 1 << 32
MOST: Final = NOW**2
"""A price that has changed a millionfold is no price."""
LONGEST: Final = 40
FIELDS: Final = ("micro", "other", "held")


@dataclass(frozen=True, slots=True)
class Quote:
    """A pool, what we hold of its other token, and its hourly prices, the oldest first."""

    pool: Pool
    held: int
    prices: tuple[int, ...]


def prices_of(
    notes: Sequence[Sequence[int]], reserves: tuple[int, int], other_first: bool
) -> list[int]:
    """Hourly averages of the other token's price, in millionths of what it is now.

    Notes hold sums of the first token's price, and both sums and times may have wrapped.
    """
    if not all(reserves):
        return []
    now = reserves[1] * ONE // reserves[0]
    prices: list[int] = []
    for (since, before), (until, after) in reversed(list(pairwise(notes))):
        passed = (until - since) % TIMES
        mean = (after - before) % SUMS // passed if passed else 0
        if passed > GAP_S:
            break
        if passed >= SPAN_S and mean:
            prices.append(min(MOST, NOW * mean // now if other_first else NOW * now // mean))
    return prices[::-1]


def quote_in(survey: Mapping[str, Json]) -> Quote | None:
    """What the survey found; None where there is nothing to trade with."""
    amounts = [survey.get(name) for name in FIELDS]
    prices = survey.get("prices")
    texts = [a for a in amounts if isinstance(a, str) and a.isdecimal() and len(a) <= LONGEST]
    if len(texts) != len(FIELDS) or not isinstance(prices, list | tuple):
        return None
    micro, other, held = map(int, texts)
    known = [p for p in prices if isinstance(p, int) and not isinstance(p, bool) and p > 0]
    if not micro or not other or len(known) != len(prices):
        return None
    return Quote(Pool(micro, other), held, tuple(known))
