"""A world's buyers in lockstep: blocks far apart in chain time, and the same story every time."""

from __future__ import annotations

from random import Random

import pytest
from fakes import FakeScorer
from shopping import MODEL, decide, selling
from snapshots import asleep, snapshot

from chain.keys import Key
from chain.reader import BlockReader
from compute.errors import NoModel
from world.buyers import Buyers
from world.demand import Demand, DemandRegime, wishes
from world.deploy import deploy
from world.devnet import Devnet
from world.scenario import HOUR, load_scenario

pytestmark = pytest.mark.anvil

BLOCK_S = 1800
CALM = DemandRegime(name="calm", mean_h=1000, per_hour=2, worth_micro=20_000)
TABLE = Demand(regimes=(CALM,), spread=2, patience_n=2, away_h=6)
WALLET = Key(b"\x77" * 32).address


class World:
    """Buyers, a shop in the same process, and a chain that waits for both."""

    def __init__(self, devnet, at, buyers, shop):
        self.devnet, self.at, self.buyers, self.shop = devnet, at, buyers, shop
        self.block = devnet.head

    async def step(self, blocks=1):
        for _ in range(blocks):
            self.block = await self.devnet.mine(BLOCK_S)
            await self.buyers.act(self.block)
            self.shop.shop.see(snapshot())

    async def earned(self):
        read = await BlockReader.latest(self.devnet.client)
        [held] = await read.call(self.at.token, "balanceOf(address)(uint256)", [WALLET])
        return int(held)

    def price(self, price):
        return decide(self.shop.log, self.shop.shop, price, self.block.at)


@pytest.fixture
def lived(tmp_path):
    """Lives a story in a world of its own; gives what came of it."""

    async def live(story, name="a", scorer=None, **changes):
        folder = tmp_path / name
        folder.mkdir()
        async with Devnet.running(folder) as devnet:
            async with devnet.hurrying():
                at = await deploy(devnet, load_scenario(), seed=1)
                table = TABLE.model_copy(update=changes)
                coming = list(wishes(table, 24 * HOUR, Random("a")))
                buyers = Buyers(devnet, at, table, coming, BLOCK_S)
                await buyers.found()
            try:
                more = {"port": buyers.shop["port"], "timeout_s": buyers.shop["max_timeout_s"]}
                facilitator, most = buyers.shop["facilitator"], buyers.shop["queue_n"]
                async with selling(
                    devnet.client,
                    at.token,
                    WALLET,
                    folder,
                    facilitator,
                    most=most,
                    scorer=scorer,
                    **more,
                ) as shop:
                    world = World(devnet, at, buyers, shop)
                    await story(world)
                    return dict(buyers.counts), await world.earned(), shop.shop.figures(0)
            finally:
                await buyers.close()

    return live


async def a_day_at_two_prices(world):
    await world.step()
    world.price(10_000)
    await world.step(24)
    world.price(30_000)
    await world.step(26)


async def test_a_shop_that_opens_is_bought_from_at_what_its_answers_are_worth(lived):
    counts, earned, figures = await lived(a_day_at_two_prices)
    dear, [cheap] = figures, figures["tried"]
    assert (cheap["price"], dear["price"]) == (10_000, 30_000)
    assert cheap["asked"] == cheap["sold"] > 10  # all of them would pay so much
    assert 0 < dear["sold"] < dear["asked"]
    assert counts["bought"] == cheap["sold"] + dear["sold"]
    assert counts["dear"] == dear["asked"] - dear["sold"]
    assert earned == 10_000 * cheap["sold"] + 30_000 * dear["sold"]
    assert "turned_away" not in counts


async def test_the_same_world_goes_the_same_way(lived):
    assert await lived(a_day_at_two_prices) == await lived(a_day_at_two_prices, "b")


async def test_who_is_turned_away_twice_leaves_for_a_while(lived):
    async def story(world):
        await world.step()
        world.price(10_000)
        await world.step(4)
        world.shop.thinks.fault = NoModel("away")
        await world.step(48)

    scorer = FakeScorer(MODEL)
    counts, earned, figures = await lived(story, scorer=scorer, buyers=1)
    assert 0 < counts["turned_away"] <= 2 * 4  # two visits, six hours, two visits, …
    assert earned == 10_000 * counts["bought"]
    assert figures["sold"] == counts["bought"]


async def test_nobody_misses_a_shop_that_was_never_open(lived):
    async def story(world):
        world.shop.shop.see(asleep())
        await world.step(10)

    assert await lived(story) == ({}, 0, lived_nothing())


def lived_nothing():
    return {
        "price": 0,
        "because": None,
        "since_s": 0,
        "asked": 0,
        "sold": 0,
        "earned": "0",
        "queue": 0,
        "open": True,
        "tried": [],
    }
