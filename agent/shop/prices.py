"""The price of an answer: what decisions have said of it, and how long an old word stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from chain.types import Micro
from strategies.merchant import PRICE, PRICE_PARAM


@dataclass(frozen=True, slots=True)
class Bounds:
    """The operator's; a price outside of them is not asked, whoever chose it and when."""

    least: Micro
    most: Micro

    def hold(self, price: Micro) -> bool:
        return self.least <= price <= self.most


class Priced(NamedTuple):
    """The decision `seq`, read at chain time `at`, chose a price."""

    seq: int
    at: int
    price: Micro


def priced(seq: int, decision: Mapping[str, Any]) -> Priced | None:
    """What a decision's record says of the price; None if it chose something else."""
    chosen = decision["menu"][decision["chosen"]]
    if chosen["key"] != PRICE:
        return None
    price = Micro(int(chosen["params"][PRICE_PARAM]))
    return Priced(seq, int(decision["observation"]["block"]["at"]), price)


def current(said: Sequence[Priced], bounds: Bounds) -> Priced | None:
    """What is asked now: the newest price, unless it is out of bounds."""
    newest = said[-1] if said else None
    return newest if newest and bounds.hold(newest.price) else None


def honoured(
    said: Sequence[Priced], now: int, timeout_s: int, bounds: Bounds
) -> tuple[Priced, ...]:
    """Newest first: the price of now, and those that may still be on somebody's mind.

    Nothing is sold while there is no price.
    """
    if current(said, bounds) is None:
        return ()
    old = [each for each, after in pairwise(said) if now - after.at <= timeout_s]
    return tuple(each for each in (said[-1], *reversed(old)) if bounds.hold(each.price))
