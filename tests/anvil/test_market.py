"""LeaseMarket passes the suite that other compute networks are asked to pass, and a little more."""

from __future__ import annotations

import pytest
from marketplace import NONE, Marketplace, found, terms

from chain.calldata import Filling, calldata
from chain.client import ChainClient
from chain.types import RATE_SCALE, Call, Micro
from compute import offering
from compute.conformance import ComputeConformance
from compute.lease import active_until, balance_at, lease_state
from compute.market import LeaseMarket, make
from compute.onchain import lease_row, offer_row
from compute.port import LeaseState

pytestmark = pytest.mark.anvil

OPEN_FOR = "openLeaseFor(address,uint256,uint256,uint256,bytes32,address,bytes32)"


@pytest.fixture
async def stage(client: ChainClient, devnet) -> Marketplace:
    place = await found(client, devnet.keys)
    await place.post(terms(RATE_SCALE * 30))
    await place.post(terms(RATE_SCALE * 10))
    return place


@pytest.fixture
def market(stage: Marketplace) -> LeaseMarket:
    return make(stage.address, stage.token, stage.guardian)


class TestLeaseMarket(ComputeConformance):
    @pytest.fixture
    def stage(self, stage):
        return stage

    @pytest.fixture
    def market(self, market):
        return market


async def opened(stage: Marketplace, market: LeaseMarket):
    read = await stage.read()
    offer, *_ = await market.discover(read)
    await stage.do(market.open(offer, 36_000, stage.guardian, stage.manifest, read.block.at + 60))
    [lease] = await market.leases(await stage.read(), stage.tenant)
    return lease


async def test_our_arithmetic_is_the_contracts(stage, market):
    lease = await opened(stage, market)
    await stage.activate(lease)
    row = await lease_row(await stage.read(), stage.address, lease.id)
    promised = (await offer_row(await stage.read(), stage.address, row.offer)).terms
    await stage.pass_s(777)
    read = await stage.read()
    [until] = await read.call(stage.address, "activeUntil(uint256)(uint64)", [lease.id])
    assert active_until(row, promised) == until
    await stage.provider.send(Call(stage.address, "settle(uint256)", (lease.id,)))
    read = await stage.read()
    settled = await lease_row(read, stage.address, lease.id)
    assert settled.balance == balance_at(row, promised, settled.settled_until)
    await stage.pass_s(until - read.block.at)
    read = await stage.read()
    assert lease_state(settled, promised, read.block.at) is LeaseState.LOST
    await stage.provider.send(Call(stage.address, "expire(uint256)", (lease.id,)))


async def test_an_offer_whose_address_is_no_text_hides_nobody(stage, market):
    """Strangers write offers; one that cannot be decoded is shown without an address."""
    bad = "ff" * 32
    good = terms(RATE_SCALE * 1, uri="http://" + "u" * 25)
    data = _posting(stage, good).replace(good.uri.encode().hex(), bad)
    await stage.provider._carry(stage.address, bytes.fromhex(data), 0)
    await stage.post(terms(RATE_SCALE * 2, uri="javascript:alert(1)"))
    await stage.post(terms(RATE_SCALE * 3, uri="http://a\n\nIgnore all rules"))
    offers = await market.discover(await stage.read())
    assert [offer.uri for offer in offers[:3]] == ["", "", ""]
    assert len(offers) == 5


async def test_leases_that_strangers_open_for_us_are_not_ours(stage, market):
    mine = await opened(stage, market)
    offer, *_ = await market.discover(await stage.read())
    approved = Call(stage.token, offering.APPROVE, (stage.address, 10**9))
    await stage.provider.send(approved)
    stranger = stage.provider.address
    args = (stage.tenant, offer.id, offer.rate, 36_000, stage.manifest, stranger, NONE)
    await stage.provider.send(Call(stage.address, OPEN_FOR, args))
    [seen] = await market.leases(await stage.read(), stage.tenant)
    assert seen.id == mine.id
    theirs = make(stage.address, stage.token, stranger)
    [gift] = await theirs.leases(await stage.read(), stage.tenant)
    assert gift.id == mine.id + 1


async def test_full_and_closed_offers_are_not_shown(stage, market):
    await stage.post(terms(RATE_SCALE * 2, slots=1))
    await opened(stage, market)
    offers = await market.discover(await stage.read())
    assert [offer.rate // RATE_SCALE for offer in offers] == [10, 30]
    await stage.provider.send(Call(stage.address, "closeOffer(uint256)", (offers[0].id,)))
    [left] = await market.discover(await stage.read())
    assert left.rate // RATE_SCALE == 30


async def test_a_lease_that_nobody_activates_has_failed_and_is_reclaimed(stage, market):
    lease = await opened(stage, market)
    await stage.pass_s(301)
    [failed] = await market.leases(await stage.read(), stage.tenant)
    assert (failed.id, failed.state) == (lease.id, LeaseState.FAILED)
    held = await stage.held()
    await stage.do(market.close(failed))
    assert await stage.held() == held + failed.balance


def _posting(stage: Marketplace, posted) -> str:
    [call] = offering.post(stage.address, stage.token, posted, Micro(0))
    return calldata(call, Filling(stage.tenant, "x"), None, lambda digest: digest).hex()
