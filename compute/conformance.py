"""What every compute network must do, as a suite of tests to subclass.

    class TestMine(ComputeConformance):
        @pytest.fixture
        def market(self, stage): ...     # the ComputeProvider
        @pytest.fixture
        async def stage(self): ...       # a `Stage`: a fresh network with an offer on it

The suite rents for real, on whatever local double of the network the stage stands on.
"""
# ruff: noqa: S101  # tests assert

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Protocol

import pytest

from chain.errors import ChainError
from chain.port import Reader
from chain.types import RATE_SCALE, Address, Call, Micro, Receipt
from compute.port import ComputeProvider, Lease, LeaseState, Offer

HOUR: int = 3600
WAITING = (LeaseState.REQUESTED, LeaseState.PROVISIONING, LeaseState.ACTIVE)


class Stage(Protocol):
    """A network where the suite's tenant has money and at least two offers have room."""

    tenant: Address
    guardian: Address
    manifest: str

    async def read(self) -> Reader: ...

    async def held(self) -> Micro:
        """What the tenant has left of the token."""
        ...

    async def do(self, call: Call) -> Receipt:
        """The call, made by the tenant's signer; raises a `ChainError` when it is refused."""
        ...

    async def activate(self, lease: Lease) -> None:
        """What the provider does when it has a lease."""
        ...

    async def reprice(self, offer: Offer) -> None:
        """The provider asks another price."""
        ...


class ComputeConformance:
    """Subclass it, name the subclass `Test…`, and give it a market and a stage."""

    @pytest.fixture
    def market(self) -> ComputeProvider:
        raise NotImplementedError

    @pytest.fixture
    def stage(self) -> Stage:
        raise NotImplementedError

    async def test_it_has_a_plain_name(self, market: ComputeProvider) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", market.name)

    async def test_offers_have_room_and_come_cheapest_first(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        offers = await market.discover(await stage.read())
        assert len(offers) > 1
        assert [offer.rate for offer in offers] == sorted(offer.rate for offer in offers)
        assert all(offer.free > 0 and offer.network == market.name for offer in offers)

    async def test_a_lease_is_opened_on_the_offers_terms(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        lease = await _rent(market, stage)
        [offer] = [o for o in await market.discover(await stage.read()) if o.id == lease.offer]
        assert lease.state in WAITING
        assert (lease.rate, lease.provider) == (offer.rate, offer.provider)
        assert (lease.guardian, lease.manifest) == (stage.guardian, stage.manifest)

    async def test_an_activated_lease_is_active_and_paid_for_an_hour(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        lease = await _activated(market, stage)
        now = (await stage.read()).block.at
        assert lease.state is LeaseState.ACTIVE
        assert HOUR - 60 <= lease.paid_until - now <= HOUR + 1
        assert lease.paid_until <= lease.ends_at

    async def test_a_price_that_moved_is_refused(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        read = await stage.read()
        offer, *_ = await market.discover(read)
        await stage.reprice(offer)
        call = market.open(offer, _hour(offer), stage.guardian, stage.manifest, _soon(read))
        held = await stage.held()
        with pytest.raises(ChainError):
            await stage.do(call)
        assert await stage.held() == held
        assert not await market.leases(await stage.read(), stage.tenant)

    async def test_extending_buys_what_the_rate_says(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        before = await _activated(market, stage)
        amount = Micro(before.micro_per_hour)
        receipt = await stage.do(market.extend(before, amount, _soon(await stage.read())))
        after = await _only(market, stage)
        assert receipt.ok
        bought = after.paid_until - before.paid_until
        assert abs(bought - amount * RATE_SCALE // before.rate) <= 1

    async def test_closing_ends_it_and_returns_the_rest(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        held = await stage.held()
        lease = await _activated(market, stage)
        await stage.do(market.close(lease))
        assert not await market.leases(await stage.read(), stage.tenant)
        spent = held - await stage.held()
        assert 0 <= spent <= lease.rate * 60 // RATE_SCALE

    async def test_a_lease_never_activated_can_be_closed_for_nothing(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        held = await stage.held()
        await stage.do(market.close(await _rent(market, stage)))
        assert await stage.held() == held

    async def test_leases_are_this_tenants_alone_and_newest_first(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        older, newer = await _rent(market, stage), await _rent(market, stage)
        read = await stage.read()
        assert [lease.id for lease in await market.leases(read, stage.tenant)] == [
            newer.id,
            older.id,
        ]
        assert not await market.leases(read, stage.guardian)

    async def test_calls_are_plain_and_have_gas_to_spare(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        """A pull cannot be tried before it is signed, so its gas must be known."""
        read = await stage.read()
        offer, *_ = await market.discover(read)
        opening = market.open(offer, _hour(offer), stage.guardian, stage.manifest, _soon(read))
        await _spare(stage, opening)
        await stage.activate(await _only(market, stage))
        lease = await _only(market, stage)
        await _spare(stage, market.extend(lease, Micro(1), _soon(read)))
        await _spare(stage, market.close(lease))

    async def test_describing_a_call_does_nothing(
        self, market: ComputeProvider, stage: Stage
    ) -> None:
        read = await stage.read()
        offer, *_ = await market.discover(read)
        terms = (offer, _hour(offer), stage.guardian, stage.manifest, _soon(read))
        assert market.open(*terms) == market.open(*terms)
        assert not await market.leases(await stage.read(), stage.tenant)


async def _rent(market: ComputeProvider, stage: Stage) -> Lease:
    read = await stage.read()
    offer, *_ = await market.discover(read)
    await stage.do(market.open(offer, _hour(offer), stage.guardian, stage.manifest, _soon(read)))
    newest, *_ = await market.leases(await stage.read(), stage.tenant)
    return newest


async def _activated(market: ComputeProvider, stage: Stage) -> Lease:
    await stage.activate(await _rent(market, stage))
    return await _only(market, stage)


async def _only(market: ComputeProvider, stage: Stage) -> Lease:
    [lease] = await market.leases(await stage.read(), stage.tenant)
    return lease


async def _spare(stage: Stage, call: Call) -> None:
    json.dumps(asdict(call), allow_nan=False)
    receipt = await stage.do(call)
    assert receipt.ok
    assert receipt.gas_used * 5 <= call.gas * 4, call.function


def _hour(offer: Offer) -> Micro:
    return Micro(-(-offer.rate * HOUR // RATE_SCALE))


def _soon(read: Reader) -> int:
    return read.block.at + HOUR
