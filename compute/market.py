"""Renting on LeaseMarket: what is on offer, what is leased, and the calls that change either."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from chain.port import Reader
from chain.types import SALT, WALLET, Address, Call, Micro, Pull
from compute.catalogue import Catalogue
from compute.lease import NETWORK, is_closed_for_good, lease_at
from compute.onchain import (
    LeaseRow,
    OfferRow,
    Phase,
    lease_row,
    leases_of,
    offer_count,
    offer_page,
    offer_row,
)
from compute.port import Lease, Offer

OPEN: Final = (
    "openLeaseWithAuthorization(address,uint256,uint256,uint256,bytes32,address,bytes32,"
    "uint256,uint256,bytes)"
)
EXTEND: Final = "topUpWithAuthorization(address,uint256,uint256,bytes32,uint256,uint256,bytes)"
CLOSE: Final = "close(uint256)"

NOBODY: Final = Address("0x" + 40 * "0")

GAS: Final = {OPEN: 500_000, EXTEND: 160_000, CLOSE: 150_000}
"""Limits with room to spare: a pull cannot be simulated before it is signed."""


def make(market: Address, token: Address, guardian: Address = NOBODY) -> LeaseMarket:
    """The entry point `forager.compute`."""
    return LeaseMarket(market, token, guardian)


class LeaseMarket:
    """The reference network: any chain with the contract, any token with EIP-3009.

    Leases with another guardian than the one named are not seen: anyone may open leases for a
    tenant, and many worthless ones would hide the one it lives on.
    """

    name = NETWORK

    def __init__(self, market: Address, token: Address, guardian: Address = NOBODY) -> None:
        self._market = market
        self._token = token
        self._guardian = guardian
        self._passed: set[int] = set()
        """Leases that need not be read again: they are closed for good."""
        self._rented: set[int] = set()
        """Offers that leases of ours are of."""
        self._catalogue = Catalogue()

    async def discover(self, read: Reader) -> Sequence[Offer]:
        """Open offers with room, cheapest first; of very many not all are read at every block."""
        count = await offer_count(read, self._market)
        firsts = self._catalogue.due(count, self._rented)
        pages = await asyncio.gather(*(offer_page(read, self._market, each) for each in firsts))
        fitting: list[Offer] = []
        for first, page in zip(firsts, pages, strict=True):
            offers = [_offer(row) for row in page if row.open and row.live < row.terms.slots]
            self._catalogue.saw(first, (offer.rate for offer in offers))
            fitting += offers
        return sorted(fitting, key=lambda offer: (offer.rate, offer.id))

    async def leases(self, read: Reader, tenant: Address) -> Sequence[Lease]:
        """This tenant's leases that are not closed, newest first."""
        ids = await leases_of(read, self._market, tenant, self._guardian)
        unread = [lease for lease in sorted(ids, reverse=True) if lease not in self._passed]
        rows = await asyncio.gather(*(lease_row(read, self._market, lease) for lease in unread))
        self._passed.update(row.id for row in rows if is_closed_for_good(row, read.block.at))
        kept = [row for row in rows if row.phase is not Phase.CLOSED]
        self._rented = {row.offer for row in kept}
        return await asyncio.gather(*(self._lease(read, row) for row in kept))

    def open(
        self, offer: Offer, deposit: Micro, guardian: Address, manifest: str, valid_before: int
    ) -> Call:
        """Rent at no other price than the offer's; refused by the market when it has moved."""
        args = (WALLET, offer.id, offer.rate, deposit, manifest, guardian, SALT)
        return self._pulling(OPEN, args, deposit, valid_before)

    def extend(self, lease: Lease, amount: Micro, valid_before: int) -> Call:
        return self._pulling(EXTEND, (WALLET, lease.id, amount, SALT), amount, valid_before)

    def close(self, lease: Lease) -> Call:
        """End at once; the remainder comes back."""
        return Call(self._market, CLOSE, (lease.id,), gas=GAS[CLOSE])

    def _pulling(
        self, function: str, args: tuple[int | str, ...], value: Micro, valid_before: int
    ) -> Call:
        pull = Pull(self._token, value, valid_before)
        return Call(self._market, function, args, gas=GAS[function], pull=pull)

    async def _lease(self, read: Reader, row: LeaseRow) -> Lease:
        offer = await offer_row(read, self._market, row.offer)
        return lease_at(row, offer.terms, read.block.at)


def _offer(row: OfferRow) -> Offer:
    return Offer(
        network=NETWORK,
        id=row.id,
        provider=row.provider,
        rate=row.terms.rate,
        min_s=row.terms.min_s,
        max_s=row.terms.max_s,
        grace_s=row.terms.grace_s,
        free=row.terms.slots - row.live,
        uri=row.terms.uri,
    )
