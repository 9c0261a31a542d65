"""Trading on the real Uniswap v2, within limits as they are signed at a birth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from random import Random

import pytest
from limited import Limited
from snapshots import TOOLS

import contracts
from chain.contracts import ALLOWANCE, MINT
from chain.types import Address, Call, Micro, Refused, Wei
from strategies.port import Strategy
from strategies.trader import BUY, SELL, make
from world.deploy import role
from world.devnet import Devnet
from world.exchange import Exchange, Venue
from world.pocket import Pocket
from world.pools import FairRegime, Order, PoolTable
from world.uniswap import Uniswap

pytestmark = pytest.mark.anvil

HOUR = 3600
MONEY = 100_000_000
TABLE = PoolTable(
    name="euro",
    price_micro=1_080_000,
    depth_micro=20_000_000_000,
    regimes=(FairRegime(name="news", mean_h=10, swing_pct=0.5),),
    informed_per_h=1,
    noise_per_h=3,
    noise_micro=100_000_000,
)


@dataclass
class Floor:
    """A pool, and an agent who may trade there."""

    devnet: Devnet
    token: Address
    exchange: Exchange
    agent: Limited
    trader: Strategy
    somebody: Pocket

    @property
    def venue(self) -> Venue:
        return self.exchange.venues[0]

    async def offered(self, key: str):
        seen = await self.agent.seen(self.trader)
        return [action for action in self.trader.propose(seen) if action.key == key]

    async def pass_h(self, hours: int) -> None:
        for _ in range(hours):
            await self.exchange.act(self.devnet.head)
            await self.devnet.mine(HOUR)

    async def allowances(self) -> list[int]:
        read = await self.agent.read()
        spenders = (self.exchange.desk, self.venue.pair, self.venue.router)
        return [
            (await read.call(token, ALLOWANCE, [self.agent.wallet, spender]))[0]
            for token in (self.token, self.venue.other)
            for spender in spenders
        ]


async def opened(devnet: Devnet, *tables: PoolTable) -> tuple[Address, Exchange]:
    founder = Pocket(devnet, role("founder"))
    await devnet.give_wei(founder.address, Wei(10**20))
    token = await founder.deploy(contracts.artifact("TestDollar")["bytecode"])
    exchange = Exchange(devnet, token, tables, Random)
    await exchange.found()
    await devnet.mine()
    return token, exchange


@pytest.fixture
async def floor(tmp_path) -> AsyncIterator[Floor]:
    async with Devnet.running(tmp_path) as devnet:
        token, exchange = await opened(devnet, TABLE)
        options = exchange.options()
        agent = await Limited.born(tmp_path, devnet, token, options)
        somebody = Pocket(devnet, role("somebody"))
        await devnet.give_wei(somebody.address, Wei(10**20))
        await somebody.send(Call(token, MINT, (agent.wallet, MONEY), gas=100_000))
        await devnet.mine()
        trader = make(options["trader"], TOOLS)
        yield Floor(devnet, token, exchange, agent, trader, somebody)


async def test_a_pool_is_founded_in_one_block_where_uniswap_says_it_is(floor):
    """Only the token was needed before."""
    pool = await floor.exchange.pool(floor.venue)
    assert (pool.micro, pool.other) == (20_000_000_000, 20_000_000_000 * 10**6 // 1_080_000)
    read = await floor.agent.read()
    [factory] = await read.call(floor.venue.router, "factory()(address)")
    look_up = "getPair(address,address)(address)"
    pairs = [
        (await read.call(factory, look_up, list(tokens)))[0]
        for tokens in (
            (floor.token, floor.venue.other),
            (floor.venue.other, floor.token),
        )
    ]
    assert pairs == [floor.venue.pair, floor.venue.pair]
    assert Uniswap(factory, floor.venue.router).pair(*pairs) != floor.venue.pair


async def test_a_trade_within_the_limits_brings_what_was_quoted_and_leaves_no_allowance(floor):
    *_, buy = await floor.offered(BUY)
    [call] = buy.calls
    receipt = await floor.agent.send(call)
    assert receipt.ok
    assert receipt.gas_used < call.gas * 3 // 4
    bought = await floor.agent.held(floor.venue.other)
    assert bought == buy.params["units_n"] > 1_800_000
    assert await floor.agent.held(floor.token) == MONEY - 2_000_000

    *_, sell = await floor.offered(SELL)
    receipt = await floor.agent.send(sell.calls[0])
    assert receipt.ok
    assert await floor.agent.held(floor.venue.other) == 0
    assert await floor.agent.held(floor.token) == MONEY - 2_000_000 + sell.params["size_micro"]

    assert await floor.allowances() == [0] * 6
    for token in (floor.token, floor.venue.other):
        assert await floor.agent.held(token, floor.exchange.desk) == 0


async def test_when_the_price_has_moved_beyond_the_slippage_nothing_is_traded(floor):
    *_, buy = await floor.offered(BUY)
    least = buy.calls[0].args[5]
    swap = floor.exchange._swap(
        floor.venue, Order(buys=True, amount=150_000_000), floor.somebody.address
    )
    await floor.venue.uninformed.send(swap)  # 0.75 % of the pool: the price rises by 1.5 %
    receipt = await floor.agent.send(buy.calls[0])
    assert not receipt.ok
    assert await floor.agent.held(floor.token) == MONEY
    assert await floor.agent.held(floor.venue.other) == 0
    *_, buy = await floor.offered(BUY)
    assert buy.calls[0].args[5] < least
    assert (await floor.agent.send(buy.calls[0])).ok


async def test_a_price_that_moves_a_little_is_taken(floor):
    *_, buy = await floor.offered(BUY)
    swap = floor.exchange._swap(
        floor.venue, Order(buys=True, amount=50_000_000), floor.somebody.address
    )
    await floor.venue.uninformed.send(swap)
    assert (await floor.agent.send(buy.calls[0])).ok
    bought = await floor.agent.held(floor.venue.other)
    assert buy.calls[0].args[5] <= bought < buy.params["units_n"]


async def test_the_signer_pays_no_other_pair_token_or_contract(floor):
    *_, buy = await floor.offered(BUY)
    [call] = buy.calls
    elsewhere = (call.args[0], floor.token, *call.args[2:])
    cases = {
        "payee": replace(call, args=elsewhere),
        "target": replace(call, to=floor.venue.router),
        "token": replace(call, pull=replace(call.pull, token=floor.venue.router)),
        "per_action": replace(call, pull=replace(call.pull, value=Micro(10**15))),
    }
    for reason, bent in cases.items():
        admission = floor.agent.admit(bent)
        assert isinstance(admission, Refused)
        assert admission.reason == reason


async def test_the_diary_tells_the_hours_before(floor):
    """Three hours of trading, seen by the survey as it is by whoever watched."""
    await floor.pass_h(1)
    watched = []
    for _ in range(4):
        pool = await floor.exchange.pool(floor.venue)
        watched.append(pool.micro / pool.other)
        await floor.pass_h(1)
    # A note is written at the block's start, so hours are those between the notes.
    seen = await floor.agent.seen(floor.trader)
    now = await floor.exchange.pool(floor.venue)
    prices = [p / 10**6 * now.micro / now.other for p in seen.surveys["trader"]["prices"]]
    assert prices == pytest.approx(watched, rel=1e-5)
    assert len(set(prices)) == 4


async def test_the_same_seed_gives_the_same_pool(tmp_path):
    pools = []
    for i in range(2):
        async with Devnet.running(tmp_path / str(i)) as devnet:
            _, exchange = await opened(devnet, TABLE, TABLE.model_copy(update={"name": "yen"}))
            for _ in range(12):
                await exchange.act(devnet.head)
                await devnet.mine(1800)
            pools.append([await exchange.pool(venue) for venue in exchange.venues])
    assert pools[0] == pools[1]
    euro, yen = pools[0]
    assert euro != yen
    assert euro.micro != 20_000_000_000
