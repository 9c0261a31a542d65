"""What a trade would cost and bring, if the price does what is expected of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1

from chain.types import Micro
from strategies.quotes import Quote
from strategies.reversion import Signal


@dataclass(frozen=True, slots=True)
class Trade:
    """One way to trade; micro-units where nothing else is said."""

    paid: int
    """Of the token that is sold, in its own units."""
    quoted: int
    """Of the token that is bought, likewise."""
    size: int
    edge: int
    """What the price to come is expected to bring; below zero it speaks against the trade."""
    cost: int
    impact: int
    """The pool's fee, and what the trade itself moves the price."""
    held: int
    """Units of the other token afterwards."""

    @property
    def gain(self) -> int:
        return self.edge - self.cost


def purchase(quote: Quote, guess: Signal, micro: int, gas: Micro) -> Trade:
    """What is bought is to be sold again, so its costs count twice."""
    units = quote.pool.buy(micro)
    worth = quote.pool.worth(units)
    edge = int(worth * expm1(guess.expected))
    impact = micro - worth
    return Trade(micro, units, micro, edge, 2 * (impact + gas), impact, quote.held + units)


def sale(quote: Quote, guess: Signal, units: int, gas: Micro) -> Trade:
    """What was paid for it is past: only what is expected of it counts."""
    micro, worth = quote.pool.sell(units), quote.pool.worth(units)
    edge = -int(worth * expm1(guess.expected))
    impact = worth - micro
    return Trade(units, micro, micro, edge, impact + gas, impact, quote.held - units)
