"""A provider's one offer: posted once, found again, kept at its due price and address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from chain.contracts import APPROVE
from chain.types import Address, Call, Micro
from compute.onchain import OfferRow, Terms

POST: Final = "postOffer((uint256,uint64,uint64,uint64,uint64,uint32,bytes32,string),uint256)"
REPRICE: Final = "reprice(uint256,uint256)"
SET_URI: Final = "setUri(uint256,string)"
CLOSE: Final = "closeOffer(uint256)"


def ours(rows: Iterable[OfferRow], provider: Address, terms: Terms) -> OfferRow | None:
    """The offer that an earlier run posted on these terms; price and address may have moved."""
    return next((row for row in rows if _is_same(row, provider, terms)), None)


def outdated(rows: Iterable[OfferRow], provider: Address, kept: int) -> Sequence[OfferRow]:
    """Offers of earlier runs that no longer say what is offered."""
    return [row for row in rows if row.provider == provider and row.open and row.id != kept]


def post(market: Address, token: Address, terms: Terms, stake: Micro) -> tuple[Call, ...]:
    """The calls that put it on the market, in order."""
    posted = Call(market, POST, (list(terms), stake))
    if not stake:
        return (posted,)
    return Call(token, APPROVE, (market, stake)), posted


def upkeep(market: Address, row: OfferRow, rate: int, uri: str) -> tuple[Call, ...]:
    """What brings a posted offer to this price and address; usually nothing."""
    calls = []
    if row.terms.rate != rate:
        calls.append(Call(market, REPRICE, (row.id, rate)))
    if row.terms.uri != uri:
        calls.append(Call(market, SET_URI, (row.id, uri)))
    return tuple(calls)


def _is_same(row: OfferRow, provider: Address, terms: Terms) -> bool:
    fixed = row.terms._replace(rate=terms.rate, uri=terms.uri)
    return row.open and row.provider == provider and fixed == terms
