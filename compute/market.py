"""Renting on LeaseMarket: what is on offer, what is leased, and the calls that change either."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from chain.port import Reader
from chain.types import SALT, WALLET, Address, Call, Micro, Pull
from compute.lease import NETWORK, SETTLED_S, is_closed_for_good, lease_at
from compute.onchain import LeaseRow, OfferRow, Phase, lease_row, leases_of, offer_row, offer_rows
from compute.port import Lease, Offer

OPEN: Final = (
    "openLeaseWithAuthorization(address,uint256,uint256,uint256,bytes32,address,bytes32,"
    "uint256,uint256,bytes)"
)
EXTEND: Final = "topUpWithAuthorization(address,uint256,uint256,bytes32,uint256,uint256,bytes)"
CLOSE: Final = "close(uint256)"

GAS: Final = {OPEN: 500_000, EXTEND: 160_000, CLOSE: 150_000}
"""Limits with room to spare: a pull cannot be simulated before it is signed."""


def make(market: Address, token: Address, guardian: Address | None = None) -> LeaseMarket:
    """The entry point `forager.compute`."""
    return LeaseMarket(market, token, guardian)


class LeaseMarket:
    """The reference network: any chain with the contract, any token with EIP-3009.

    With a guardian named, leases with another one are not seen: anyone may open leases for a
    tenant, and many worthless ones would hide the one it lives on.
    """

    name = NETWORK

    def __init__(self, market: Address, token: Address, guardian: Address | None = None) -> None:
        self._market = market
        self._token = token
        self._guardian = guardian
        self._passed: set[int] = set()
        """Leases that need not be read again: closed for good, or never ours."""

    async def discover(self, read: Reader) -> Sequence[Offer]:
        """Open offers with room, cheapest first."""
        rows = await offer_rows(read, self._market)
        fitting = [_offer(row) for row in rows if row.open and row.live < row.terms.slots]
        return sorted(fitting, key=lambda offer: (offer.rate, offer.id))

    async def leases(self, read: Reader, tenant: Address) -> Sequence[Lease]:
        """This tenant's leases that are not closed, newest first."""
        ids = await leases_of(read, self._market, tenant)
        unread = [lease for lease in sorted(ids, reverse=True) if lease not in self._passed]
        rows = await asyncio.gather(*(lease_row(read, self._market, lease) for lease in unread))
        self._passed.update(row.id for row in rows if self._is_past(row, read.block.at))
        kept = [row for row in rows if row.phase is not Phase.CLOSED and self._is_ours(row)]
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

    def _is_ours(self, row: LeaseRow) -> bool:
        return self._guardian in (None, row.guardian)

    def _is_past(self, row: LeaseRow, now: int) -> bool:
        """A guardian never changes, but a reorg may give a young id to another lease."""
        if self._is_ours(row):
            return is_closed_for_good(row, now)
        return row.opened_at + SETTLED_S < now


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
