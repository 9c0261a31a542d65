"""Renting on LeaseMarket: what is on offer, what is leased, and the calls that change either."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from chain.port import Reader
from chain.types import SALT, WALLET, Address, Call, Micro, Pull
from compute.lease import NETWORK, is_closed_for_good, lease_at
from compute.onchain import OfferRow, lease_row, leases_of, offer_row, offer_rows
from compute.port import Lease, LeaseState, Offer

OPEN: Final = (
    "openLeaseWithAuthorization(address,uint256,uint256,uint256,bytes32,address,bytes32,"
    "uint256,uint256,bytes)"
)
EXTEND: Final = "topUpWithAuthorization(address,uint256,uint256,bytes32,uint256,uint256,bytes)"
CLOSE: Final = "close(uint256)"

GAS: Final = {OPEN: 500_000, EXTEND: 160_000, CLOSE: 150_000}
"""Limits with room to spare: a pull cannot be simulated before it is signed."""


def make(market: Address, token: Address) -> LeaseMarket:
    """The entry point `forager.compute`."""
    return LeaseMarket(market, token)


class LeaseMarket:
    """The reference network: any chain with the contract, any token with EIP-3009."""

    name = NETWORK

    def __init__(self, market: Address, token: Address) -> None:
        self._market = market
        self._token = token
        self._done: set[int] = set()

    async def discover(self, read: Reader) -> Sequence[Offer]:
        """Open offers with room, cheapest first."""
        rows = await offer_rows(read, self._market)
        fitting = [_offer(row) for row in rows if row.open and row.live < row.terms.slots]
        return sorted(fitting, key=lambda offer: (offer.rate, offer.id))

    async def leases(self, read: Reader, tenant: Address) -> Sequence[Lease]:
        """This tenant's leases that are not closed, newest first."""
        ids = await leases_of(read, self._market, tenant)
        open_ids = [lease for lease in sorted(ids, reverse=True) if lease not in self._done]
        found = await asyncio.gather(*(self._lease(read, lease) for lease in open_ids))
        return [lease for lease in found if lease.state is not LeaseState.CLOSED]

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

    async def _lease(self, read: Reader, lease: int) -> Lease:
        row = await lease_row(read, self._market, lease)
        if is_closed_for_good(row, read.block.at):
            self._done.add(lease)
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
