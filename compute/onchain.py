"""LeaseMarket's structs as the chain holds them, and the views that read them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple, cast

from chain.port import Reader
from chain.types import Address, Json, Micro

_TERMS: Final = "(uint256,uint64,uint64,uint64,uint64,uint32,bytes32,bytes)"
"""The last is a string; read as bytes, for one that is no text must not hide everyone else's."""
_OFFER: Final = f"(address,{_TERMS},uint256,uint32,bool)"
_LEASE: Final = (
    "(uint256,address,address,address,bytes32,uint256,uint256,uint256,"
    "uint64,uint64,uint64,uint64,uint64,uint64,uint64,uint8)"
)
PAGE: Final = 100
LONGEST_URI: Final = 200


class Phase(IntEnum):
    """A lease's state as the contract counts it."""

    NONE = 0
    REQUESTED = 1
    ACTIVE = 2
    CLOSED = 3


class Terms(NamedTuple):
    """What an offer promises; only `rate` and `uri` may change after it was posted."""

    rate: int
    min_s: int
    max_s: int
    grace_s: int
    activation_s: int
    slots: int
    hardware: str
    uri: str


class OfferRow(NamedTuple):
    """An offer with its id."""

    id: int
    provider: Address
    terms: Terms
    stake: Micro
    live: int
    open: bool


class LeaseRow(NamedTuple):
    """A lease with its id; as of `settled_until`, `balance` is unspent and `owed` earned."""

    id: int
    offer: int
    provider: Address
    tenant: Address
    guardian: Address
    manifest: str
    rate: int
    balance: Micro
    owed: Micro
    opened_at: int
    activated_at: int
    settled_until: int
    heartbeat_at: int
    ends_at: int
    notice_at: int
    closed_at: int
    phase: Phase


async def lease_count(read: Reader, market: Address) -> int:
    return await _number(read, market, "leaseCount()(uint256)")


async def lease_row(read: Reader, market: Address, lease: int) -> LeaseRow:
    [row] = await read.call(market, f"leaseOf(uint256)({_LEASE})", [lease])
    return _lease(lease, _fields(row))


async def leases_of(
    read: Reader, market: Address, tenant: Address, guardian: Address
) -> Sequence[int]:
    """Those that the two of them opened: the contract keeps strangers' gifts apart."""
    [ids] = await read.call(market, "leasesOf(address,address)(uint256[])", [tenant, guardian])
    return _fields(ids)


async def offer_row(read: Reader, market: Address, offer: int) -> OfferRow:
    [row] = await read.call(market, f"offerOf(uint256)({_OFFER})", [offer])
    return _offer(offer, _fields(row))


async def offer_rows(read: Reader, market: Address) -> Sequence[OfferRow]:
    """Every offer ever posted, page by page; ids count from 1."""
    count = await offer_count(read, market)
    pages = [await offer_page(read, market, first) for first in range(1, count + 1, PAGE)]
    return [row for page in pages for row in page]


async def offer_count(read: Reader, market: Address) -> int:
    return await _number(read, market, "offerCount()(uint256)")


async def offer_page(read: Reader, market: Address, first: int) -> Sequence[OfferRow]:
    [page] = await read.call(market, f"offers(uint256,uint256)({_OFFER}[])", [first, PAGE])
    return [_offer(first + i, _fields(row)) for i, row in enumerate(_fields(page))]


async def _number(read: Reader, market: Address, view: str) -> int:
    [number] = await read.call(market, view)
    return cast("int", number)


def _fields(value: Json) -> list[Any]:
    return list(cast("Sequence[Any]", value))


def _offer(offer: int, row: Sequence[Any]) -> OfferRow:
    provider, terms, *rest = row
    *promised, uri = terms
    return OfferRow(*[offer, provider, Terms(*[*promised, _plain(uri)]), *rest])


def _lease(lease: int, row: Sequence[Any]) -> LeaseRow:
    *fields, phase = row
    return LeaseRow(*[lease, *fields, Phase(phase)])


def _plain(raw: str) -> str:
    """An address that is safe to show and to ask, or nothing: strangers write these."""
    text = bytes.fromhex(raw.removeprefix("0x")).decode("ascii", errors="replace")
    safe = text.isascii() and text.isprintable() and len(text) <= LONGEST_URI
    return text if safe and text.startswith(("http://", "https://")) else ""
