from __future__ import annotations

import tomllib
from itertools import pairwise, takewhile
from math import log, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from strategies.pool import Pool
from world.pools import LEAST, FairRegime, Order, PoolTable, Visit, after, order, visits
from world.vaults import VaultTable, Yield, YieldRegime

HOUR = 3600
DEPTH = 10**10
TEXT = """
name = "euro"
price_micro = 1_080_000
depth_micro = 20_000_000_000
informed_per_h = 2
noise_per_h = 4
noise_micro = 50_000_000
regimes = [
    { name = "calm", mean_h = 12, swing_pct = 0.3 },
    { name = "wild", mean_h = 4, swing_pct = 1.5, drift_pct_per_h = -0.2 },
]
"""
TABLE = PoolTable.model_validate(tomllib.loads(TEXT))


def within(seed="x", hours=72.0, table=TABLE):
    return list(takewhile(lambda v: v.at_s < hours * HOUR, visits(table, Random(seed))))


# ----------------------------------------------------------------------------------- who comes


def test_the_same_seed_brings_the_same_visitors_and_another_seed_others():
    assert within() == within()
    assert within() != within("y")


def test_visitors_are_who_they_always_were():
    """A world that was measured once must stay that world, on every machine."""
    assert within()[:3] == [
        Visit(382, spends_micro=27_882_644),
        Visit(1037, fair_micro=1_082_490),
        Visit(1755, fair_micro=1_083_497),
    ]


def test_a_longer_world_begins_like_a_shorter_one():
    assert within(hours=100)[: len(within(hours=20))] == within(hours=20)


def test_visitors_come_in_order_as_often_as_the_table_says():
    found = within(hours=500)
    times = [visit.at_s for visit in found]
    assert times == sorted(times)
    informed = [visit for visit in found if visit.fair_micro]
    assert len(informed) / 500 == pytest.approx(2, rel=0.1)
    assert (len(found) - len(informed)) / 500 == pytest.approx(4, rel=0.1)


def test_the_uninformed_buy_as_often_as_they_sell_and_about_as_much():
    sizes = [visit.spends_micro for visit in within(hours=1000) if not visit.fair_micro]
    assert all(25_000_000 <= abs(size) <= 100_000_000 for size in sizes)
    assert sum(size > 0 for size in sizes) / len(sizes) == pytest.approx(0.5, abs=0.03)
    assert abs(sum(sizes)) < 4 * 55_000_000 * sqrt(len(sizes))


def test_the_fair_value_begins_at_the_price_and_swings_by_its_regime():
    table = PoolTable(
        **{
            **TABLE.model_dump(),
            "informed_per_h": 60,
            "regimes": [FairRegime(name="news", mean_h=10, swing_pct=1)],
        }
    )
    known = [visit for visit in within(hours=2000, table=table) if visit.fair_micro]
    assert known[0].fair_micro == pytest.approx(1_080_000, rel=0.02)
    hourly = [log(known[0].fair_micro)]
    until = HOUR
    for visit in known:
        if visit.at_s >= until:
            hourly.append(log(visit.fair_micro))
            until += HOUR
    steps = [b - a for a, b in pairwise(hourly)]
    assert sqrt(sum(x * x for x in steps) / len(steps)) == pytest.approx(0.01, rel=0.1)


def test_a_drift_pulls_the_fair_value():
    def last(drift):
        regimes = (FairRegime(name="news", mean_h=10, swing_pct=0.1, drift_pct_per_h=drift),)
        table = TABLE.model_copy(update={"regimes": regimes})
        return [visit for visit in within(hours=100, table=table) if visit.fair_micro][-1]

    assert last(-0.5).fair_micro < 0.7 * 1_080_000 < 1.5 * 1_080_000 < last(0.5).fair_micro


# ---------------------------------------------------------------------------------- what they ask


@given(st.integers(500_000, 2_000_000), st.integers(10**8, 10**11))
def test_the_informed_trade_as_far_as_their_fee_is_worth_it_and_no_further(fair, depth):
    pool = Pool(depth, depth)

    def gain(amount, buys):
        """At what they know to be fair."""
        if buys:
            return pool.buy(amount) * fair / 10**6 - amount
        return pool.sell(amount) - amount * fair / 10**6

    asked = order(Visit(0, fair_micro=fair), pool, 100)
    if asked is None:
        assert 0.9969 < fair / 10**6 < 1.0031
        return
    best = gain(asked.amount, asked.buys)
    assert best > -2
    assert asked.buys is (fair > 10**6)
    for other in (asked.amount * 9 // 10, asked.amount * 11 // 10):
        assert gain(other, asked.buys) < best + 2


def test_an_informed_visitor_may_go_only_a_part_of_the_way():
    pool = Pool(DEPTH, DEPTH)
    whole, half = (order(Visit(0, fair_micro=1_100_000), pool, pct) for pct in (100, 50))
    assert half.amount == whole.amount // 2


def test_the_uninformed_trade_whatever_the_price():
    pool = Pool(DEPTH, 2 * DEPTH)
    assert order(Visit(0, spends_micro=7_000), pool, 100) == Order(buys=True, amount=7_000)
    assert order(Visit(0, spends_micro=-7_000), pool, 100) == Order(buys=False, amount=14_000)
    assert order(Visit(0, spends_micro=LEAST - 1), pool, 100) is None


@given(st.booleans(), st.integers(LEAST, 10**10))
def test_a_filled_order_leaves_the_pool_no_poorer(buys, amount):
    pool = Pool(DEPTH, DEPTH)
    moved = after(pool, Order(buys, amount))
    assert moved.micro * moved.other >= pool.micro * pool.other
    assert (moved.micro > pool.micro) is buys


@pytest.mark.parametrize(
    "wrong",
    [{"depth_micro": 0}, {"noise_per_h": -1}, {"regimes": []}, {"no_such_key": 1}, {"name": "X y"}],
)
def test_an_impossible_table_is_refused(wrong):
    with pytest.raises(ValidationError):
        PoolTable.model_validate({**tomllib.loads(TEXT), **wrong})


# ------------------------------------------------------------------------------------------ yields


def test_a_vault_earns_by_its_spell_however_often_it_is_asked():
    table = VaultTable(
        regimes=(
            YieldRegime(name="fat", mean_h=10, pct_per_day=24),
            YieldRegime(name="lean", mean_h=10, pct_per_day=0),
        )
    )
    whole = Yield(table, Random(1)).until(1000 * HOUR)
    often = Yield(table, Random(1))
    parts = [often.until(hour * HOUR) for hour in range(1, 1001)]
    assert sum(parts) == pytest.approx(whole)
    assert whole == pytest.approx(1000 * 0.01 / 2, rel=0.15)
    assert 0 in parts
    assert max(parts) == pytest.approx(0.01)
    assert often.until(1000 * HOUR) == 0
