"""Who comes to a pool, and when: some know what its other token is worth, and some do not.

The token has a hidden fair value that wanders, by regimes. The informed trade towards it, so far as
the pool's fee leaves them a profit; the others buy and sell for reasons of their own and push the
price off. What the first bring is news, what the second leave is noise: a price that is off may be
either. Pure; only uniform draws are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, isqrt, log, sqrt
from random import Random
from typing import Final

from pydantic import Field

from strategies.pool import KEPT, WHOLE, Pool
from world.section import NAME, Lasting, PerHour, Price, Section
from world.spells import HOUR, spells

STEP_S: Final = 300
"""The fair value moves so often."""
UNITS: Final = 10**6
"""Prices are those of a million units of the other token."""
SPREAD: Final = 2.0
"""Trades of the uninformed are between half and twice as large as usual."""
UNIFORMS: Final = 12
"""So many of them, less half of that, are as good as normal."""
LEAST: Final = 1_000


class FairRegime(Section):
    """A spell of news: where the fair value tends, and how much it swings."""

    name: str
    mean_h: Lasting
    drift_pct_per_h: float = Field(default=0, strict=True, ge=-50, le=50)
    swing_pct: float = Field(strict=True, ge=0, le=50)
    """The standard deviation of an hour's change."""


class PoolTable(Section):
    """A pool of the working token and another one of its own."""

    name: str = Field(pattern=NAME)
    price_micro: Price = 1_000_000
    """Of a million units of the other token, at the start."""
    depth_micro: Price
    """So much of the working token is in it at the start, and as much worth of the other."""
    regimes: tuple[FairRegime, ...] = Field(min_length=1)
    informed_per_h: PerHour
    informed_pct: float = Field(default=80, strict=True, gt=0, le=100)
    """Of the way to the fair value, so much is gone by each who knows it."""
    noise_per_h: PerHour
    noise_micro: Price
    """The usual size of a trade made for other reasons."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody comes to the pool. `fair_micro` is what he knows, `spends_micro` what he wants."""

    at_s: int
    fair_micro: int = 0
    spends_micro: int = 0
    """Below zero he sells for as much."""


@dataclass(frozen=True, slots=True)
class Order:
    """A trade: micro-units if it buys the other token, else units of that."""

    buys: bool
    amount: int


def visits(table: PoolTable, dice: Random) -> Iterator[Visit]:
    """Without end, in order of time since the start: a longer world begins like a shorter one."""
    at, value = 0, log(table.price_micro)
    for until, regime in spells(table.regimes, dice):
        while at < until:
            hours = STEP_S / HOUR
            value += regime.drift_pct_per_h / 100 * hours
            value += regime.swing_pct / 100 * sqrt(hours) * _normal(dice)
            yield from _step(table, dice, at, value)
            at += STEP_S


def _step(table: PoolTable, dice: Random, at: int, value: float) -> Iterator[Visit]:
    coming = [
        Visit(at + int(when), fair_micro=max(1, round(exp(value))))
        for when in _times(dice, table.informed_per_h)
    ]
    for when in _times(dice, table.noise_per_h):
        size = table.noise_micro * SPREAD ** (2 * dice.random() - 1)
        sign = 1 if dice.random() < 0.5 else -1  # noqa: PLR2004  # a fair coin
        coming.append(Visit(at + int(when), spends_micro=sign * int(size)))
    yield from sorted(coming, key=lambda visit: visit.at_s)


def order(visit: Visit, pool: Pool, informed_pct: float) -> Order | None:
    """What a visitor asks of the pool as he finds it; None if it is not worth his while."""
    if visit.fair_micro:
        wanted = _arbitrage(pool, visit.fair_micro)
        part = Order(wanted.buys, int(wanted.amount * informed_pct / 100)) if wanted else None
    elif visit.spends_micro > 0:
        part = Order(buys=True, amount=visit.spends_micro)
    else:
        part = Order(buys=False, amount=-visit.spends_micro * pool.other // pool.micro)
    return part if part is not None and part.amount >= LEAST else None


def after(pool: Pool, order: Order) -> Pool:
    """The pool when the order has been filled."""
    if order.buys:
        return Pool(pool.micro + order.amount, pool.other - pool.buy(order.amount))
    return Pool(pool.micro - pool.sell(order.amount), pool.other + order.amount)


def _arbitrage(pool: Pool, fair_micro: int) -> Order | None:
    """What moves the price to where another unit would bring its buyer no more than its fee."""
    product = pool.micro * pool.other
    micro = isqrt(product * fair_micro * KEPT // (UNITS * WHOLE))
    if micro > pool.micro:
        return Order(buys=True, amount=(micro - pool.micro) * WHOLE // KEPT)
    other = isqrt(product * UNITS * KEPT // (fair_micro * WHOLE))
    if other > pool.other:
        return Order(buys=False, amount=(other - pool.other) * WHOLE // KEPT)
    return None


def _times(dice: Random, per_h: float) -> Iterator[float]:
    """When somebody comes within a step, if at all: what has no memory may begin anew."""
    at = 0.0
    while per_h and (at := at - log(1 - dice.random()) * HOUR / per_h) < STEP_S:
        yield at


def _normal(dice: Random) -> float:
    return sum(dice.random() for _ in range(UNIFORMS)) - UNIFORMS / 2
