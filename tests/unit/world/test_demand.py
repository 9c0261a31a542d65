"""What buyers want follows from table and chance alone: as often and as dear as it says."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from pydantic import ValidationError

from world.demand import Demand, DemandRegime, wishes
from world.scenario import HOUR

DAYS = 200 * 24 * HOUR
CALM = {"name": "calm", "mean_h": 10**9, "per_hour": 2, "worth_micro": 1000}


def table(**changes):
    return Demand(**{"regimes": (CALM,), **changes})


def wanted(until_s=DAYS, seed="a", **changes):
    return list(wishes(table(**changes), until_s, Random(seed)))


def test_the_same_seed_wants_the_same_and_another_does_not():
    assert wanted(seed="a") == wanted(seed="a") != wanted(seed="b")


def test_a_longer_world_begins_like_a_shorter_one():
    short, long = wanted(10 * HOUR), wanted(100 * HOUR)
    assert long[: len(short)] == short


def test_as_many_come_as_the_table_says():
    assert len(wanted()) == pytest.approx(2 * 200 * 24, rel=0.05)
    assert wanted(regimes=({**CALM, "per_hour": 0},)) == []


def test_more_come_at_noon_than_at_midnight_unless_every_hour_is_alike():
    def noon(found):
        hours = [wish.at_s // HOUR % 24 for wish in found]
        return sum(6 <= hour < 18 for hour in hours) / len(hours)

    assert noon(wanted(noon_share=1)) > 0.75
    assert noon(wanted(noon_share=0)) == pytest.approx(0.5, abs=0.03)


def test_an_answer_is_worth_the_regimes_price_within_the_spread():
    worths = sorted(wish.worth for wish in wanted(spread=4))
    assert worths[0] >= 250
    assert worths[-1] <= 4000
    assert worths[len(worths) // 2] == pytest.approx(1000, rel=0.1)


def test_fewer_would_pay_more():
    worths = [wish.worth for wish in wanted()]
    buying = [sum(worth >= price for worth in worths) for price in (400, 800, 1600, 3200)]
    assert buying == sorted(buying, reverse=True)
    assert buying[0] > buying[1] > buying[2] > buying[3]


def test_regimes_take_turns():
    rich = {"name": "rich", "mean_h": 50, "per_hour": 2, "worth_micro": 10**6}
    found = wanted(regimes=({**CALM, "mean_h": 50}, rich))
    turns = sum((a.worth > 50_000) != (b.worth > 50_000) for a, b in pairwise(found))
    assert found[0].worth < 50_000
    assert 20 < turns < 200


def test_every_buyer_comes():
    assert {wish.buyer for wish in wanted(buyers=5)} == set(range(5))


@pytest.mark.parametrize(
    "change",
    [
        {"regimes": ()},
        {"buyers": 0},
        {"spread": 0.5},
        {"noon_share": 2},
        {"patience_n": 0},
        {"more": 1},
        {"regimes": ({**CALM, "per_day": 1},)},
    ],
)
def test_a_table_that_cannot_be_is_refused(change):
    with pytest.raises(ValidationError):
        table(**change)


def test_what_it_wants_is_in_order_and_in_time():
    found = wanted(regimes=(DemandRegime(**CALM), DemandRegime(**{**CALM, "mean_h": 3})))
    times = [wish.at_s for wish in found]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < DAYS
