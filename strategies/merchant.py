"""Selling what the life thinks with: at what price, as the mind sees fit and the operator allows.

A price is an action without calls: its record in the log is all there is to it, and the shop asks
what the last such record says. Nobody buys from a shop that has never named a price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chain.port import Reader
from chain.types import Json
from strategies.errors import BadOptions
from strategies.options import read_options
from strategies.port import Action, Shop, Snapshot, Tools

NAME: Final = "merchant"
PRICE: Final = "merchant.price"
PRICE_PARAM: Final = "price_micro"
MOST_RUNGS: Final = 256
FAR: Final = 3
"""A far step is so many near ones."""
KEEN_PCT: Final = 80
"""If so many of those who ask also buy, they might pay more."""
COOL_PCT: Final = 25
"""If so few do, it is too dear."""


@dataclass(frozen=True, slots=True)
class Options:
    """Prices are for one answer, in micro-units."""

    least_micro: int = 1_000
    """No lower price is ever asked."""
    most_micro: int = 1_000_000
    """Nor a higher one."""
    step_pct: int = 50
    """How far one price lies above the next lower one."""
    learn_n: int = 6
    """So many must have asked before the reflex judges a price."""
    learn_s: int = 21_600
    """Or so many chain seconds have passed in which too few did."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A price, and what came of it while it was asked."""

    price: int
    asked: int
    sold: int

    @property
    def worth(self) -> int:
        """What one who asks brings, on average."""
        return self.price * self.sold // max(1, self.asked)


@dataclass(frozen=True, slots=True)
class Trade:
    """The shop as the survey found it."""

    now: Tried
    since_s: int
    tried: tuple[Tried, ...]
    """Other prices of late."""


class Merchant:
    """Offers a few prices: the next ones up and down, and one further each way."""

    name = NAME

    def __init__(self, options: Options, shop: Shop | None) -> None:
        self._options = options
        self._shop = shop
        self._rungs = ladder(options)

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:  # noqa: ARG002
        """What the shop's book says at this block; nothing without a shop."""
        return {} if self._shop is None else self._shop.figures(read.block.at)

    def propose(self, seen: Snapshot) -> Sequence[Action]:
        trade = _trade(seen)
        if trade is None or seen.lease is None:
            return ()
        here = self._rung(trade.now.price)
        return [self._offer(trade, place, here) for place in self._places(trade, here)]

    def _places(self, trade: Trade, here: int) -> list[int]:
        last = len(self._rungs) - 1
        steps = (-FAR, -1, 1, FAR) if trade.now.price else (-FAR, 0, FAR)
        places = sorted({min(max(here + step, 0), last) for step in steps})
        return [place for place in places if self._rungs[place] != trade.now.price]

    def _rung(self, price: int) -> int:
        """The nearest rung below a price; the middle when there is none."""
        if not price:
            return len(self._rungs) // 2
        return max((i for i, rung in enumerate(self._rungs) if rung <= price), default=0)

    def _offer(self, trade: Trade, place: int, here: int) -> Action:
        price, now = self._rungs[place], trade.now
        if not now.price:
            summary = "open the shop at this price"
        else:
            summary = "sell answers dearer" if price > now.price else "sell answers cheaper"
        return Action(
            key=PRICE,
            params={
                PRICE_PARAM: price,
                "now_micro": now.price,
                "sold_n": now.sold,
                "asked_n": now.asked,
                "since_s": trade.since_s,
            },
            summary=summary,
            score=self._score(trade, price, abs(place - here)),
        )

    def _score(self, trade: Trade, price: int, steps: int) -> float:
        """What others did at this price decides; a change without a reason is worse than none."""
        now = trade.now
        if not now.price:
            return 3.0 - steps / 4
        if now.asked >= self._options.learn_n:
            share, up = 100 * now.sold // now.asked, price > now.price
            wanted = (share >= KEEN_PCT and up) or (share <= COOL_PCT and not up)
        else:
            wanted = trade.since_s >= self._options.learn_s and price < now.price
        known = [
            each.worth
            for each in trade.tried
            if each.price == price and each.asked >= self._options.learn_n
        ]
        if not wanted or (known and max(known) <= now.worth):
            return -2.0
        return 1.25 - steps / 4


def ladder(options: Options) -> tuple[int, ...]:
    """Prices from the least to the most, each `step_pct` above the one before."""
    least, most, step = options.least_micro, options.most_micro, options.step_pct
    if not 0 < least <= most:
        raise BadOptions("least_micro must be above 0 and not above most_micro", least=least)
    rungs = [least]
    while rungs[-1] < most and len(rungs) < MOST_RUNGS:
        rungs.append(min(most, max(rungs[-1] + 1, rungs[-1] * (100 + step) // 100)))
    if rungs[-1] < most:
        raise BadOptions("step_pct is too small for these bounds", step_pct=step)
    return tuple(rungs)


def _trade(seen: Snapshot) -> Trade | None:
    """What the survey found; None if it does not look like a shop."""
    found = seen.surveys.get(NAME, {})
    now, since = _tried(found), found.get("since_s")
    if now is None or not _is_count(since):
        return None
    rows = found.get("tried")
    tried = [_tried(row) for row in rows] if isinstance(rows, list | tuple) else []
    return Trade(now, int(str(since)), tuple(each for each in tried if each is not None))


def _tried(row: Json) -> Tried | None:
    if not isinstance(row, Mapping):
        return None
    price, asked, sold = row.get("price"), row.get("asked"), row.get("sold")
    numbers = [int(x) for x in (price, asked, sold) if _is_count(x) and isinstance(x, int)]
    return Tried(*numbers) if len(numbers) == 3 else None  # noqa: PLR2004


def _is_count(value: Json) -> bool:
    return type(value) is int and 0 <= value < 2**53


def make(options: Mapping[str, Json], tools: Tools) -> Merchant:
    return Merchant(read_options(Options, options), tools.shop)
