"""A compute network of nothing but calls: what strategies are given in tests."""

from __future__ import annotations

from typing import Final

from chain.types import SALT, Address, Call, Micro, Pull
from chain.types import WALLET as PAYER
from compute.market import EXTEND, OPEN
from compute.port import Lease, Offer
from strategies.port import Tools
from strategies.samples.places import PLACES


class Desk:
    name = "desk"

    async def discover(self, read: object) -> tuple[Offer, ...]:  # noqa: ARG002
        return ()

    async def leases(self, read: object, tenant: Address) -> tuple[Lease, ...]:  # noqa: ARG002
        return ()

    def open(
        self, offer: Offer, deposit: Micro, guardian: Address, manifest: str, valid_before: int
    ) -> Call:
        args = (PAYER, offer.id, offer.rate, deposit, manifest, guardian, SALT)
        return self._pulling(OPEN, args, deposit, valid_before)

    def extend(self, lease: Lease, amount: Micro, valid_before: int) -> Call:
        return self._pulling(EXTEND, (PAYER, lease.id, amount, SALT), amount, valid_before)

    def close(self, lease: Lease) -> Call:
        return Call(PLACES.lease_market, "close(uint256)", (lease.id,), gas=200_000)

    def _pulling(
        self, function: str, args: tuple[int | str, ...], value: Micro, valid_before: int
    ) -> Call:
        pull = Pull(PLACES.token, value, valid_before)
        return Call(PLACES.lease_market, function, args, gas=250_000, pull=pull)


TOOLS: Final = Tools(compute=Desk())
