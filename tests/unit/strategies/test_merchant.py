"""What the merchant offers: a few prices within bounds, and a reflex that learns from buyers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from fakes import FakeReader
from snapshots import NOW, TOOLS, asleep, moments, snapshot

from chain.types import Block
from strategies import merchant
from strategies.conformance import StrategyConformance
from strategies.errors import BadOptions
from strategies.merchant import Options, ladder
from strategies.port import Snapshot

BLOCK = Block(31337, 100, "0x00", NOW)
OPTIONS = {"least_micro": 1000, "most_micro": 64_000, "step_pct": 100}
LADDER = (1000, 2000, 4000, 8000, 16_000, 32_000, 64_000)


def figures(price=8000, asked=0, sold=0, since_s=60, tried=()):
    rows = [dict(zip(("price", "asked", "sold"), row, strict=True)) for row in tried]
    return {
        "price": price,
        "because": 3,
        "since_s": since_s,
        "asked": asked,
        "sold": sold,
        "earned": "0",
        "queue": 0,
        "open": True,
        "tried": rows,
    }


def at(**changes) -> Snapshot:
    return snapshot(surveys={"merchant": figures(**changes)})


def offers(seen, **options):
    return list(merchant.make(OPTIONS | options, TOOLS).propose(seen))


def prices(seen, **options):
    return [action.params["price_micro"] for action in offers(seen, **options)]


def wanted(seen):
    """What the reflex likes better than to wait."""
    liked = [action for action in offers(seen) if action.score > 0]
    return max(liked, key=lambda action: action.score).params["price_micro"] if liked else None


class TestMerchant(StrategyConformance):
    make = staticmethod(merchant.make)

    def moments(self) -> Mapping[str, Snapshot]:
        books = {
            "a shop without a price": figures(price=0, since_s=0),
            "a new price": figures(),
            "a price that sells": figures(asked=20, sold=20, tried=[(12_000, 9, 1)]),
            "a price that does not": figures(asked=20, sold=0, since_s=10**6),
            "the lowest price": figures(price=1000),
            "the highest price": figures(price=1_000_000),
            "a price out of bounds": figures(price=2**52, asked=2**52, sold=2**52),
            "nonsense": {"price": "7", "asked": None, "tried": 5},
            "worse nonsense": {**figures(), "tried": [1, {}, {"price": -1}], "since_s": -1},
        }
        mine = {name: snapshot(surveys={"merchant": book}) for name, book in books.items()}
        return {**moments(), **mine}


def test_prices_lie_on_a_ladder_between_the_operators_bounds():
    assert ladder(Options(**OPTIONS)) == LADDER
    assert ladder(Options(1, 10, 1)) == tuple(range(1, 11))
    assert ladder(Options(500, 500)) == (500,)


@pytest.mark.parametrize(("least", "most", "step"), [(0, 10, 50), (11, 10, 50), (10, 10**9, 1)])
def test_bounds_that_cannot_be_are_refused(least, most, step):
    with pytest.raises(BadOptions):
        merchant.make({"least_micro": least, "most_micro": most, "step_pct": step}, TOOLS)


@pytest.mark.parametrize(
    ("price", "offered"),
    [
        (8000, [1000, 4000, 16_000, 64_000]),
        (1000, [2000, 8000]),
        (64_000, [8000, 32_000]),
        (9999, [1000, 4000, 16_000, 64_000]),
        (2**40, [8000, 32_000, 64_000]),
        (0, [1000, 8000, 64_000]),
    ],
)
def test_the_next_prices_up_and_down_are_offered_and_one_further_each_way(price, offered):
    assert prices(at(price=price)) == offered


def test_all_that_is_offered_is_within_bounds_and_without_calls():
    for action in offers(at(price=2**40)):
        assert 1000 <= action.params["price_micro"] <= 64_000
        assert (action.key, action.calls) == ("merchant.price", ())


def test_a_prompt_shows_new_price_and_old_and_who_bought_and_asked():
    [first, *_] = offers(at(asked=9, sold=3))
    assert list(first.params)[:4] == ["price_micro", "now_micro", "sold_n", "asked_n"]
    assert list(first.params.values())[:4] == [1000, 8000, 3, 9]


def test_a_life_that_sells_nothing_or_has_no_lease_is_offered_no_price():
    assert offers(snapshot()) == []
    assert offers(replace(asleep(), surveys={"merchant": figures()})) == []


def test_a_shop_without_a_price_is_opened_in_the_middle():
    assert wanted(at(price=0)) == 8000


@pytest.mark.parametrize(
    ("book", "price"),
    [
        (figures(asked=5, sold=5), None),  # too few to tell
        (figures(asked=6, sold=6), 16_000),  # everybody buys
        (figures(asked=10, sold=5), None),  # as many as not
        (figures(asked=8, sold=2), 4000),  # it is too dear
        (figures(asked=0, since_s=21_599), None),
        (figures(asked=0, since_s=21_600), 4000),  # nobody comes
        (figures(price=1000, asked=9, sold=0), None),  # it can be no cheaper
        (figures(price=64_000, asked=9, sold=9), None),  # nor dearer
    ],
)
def test_the_reflex_goes_where_its_buyers_send_it(book, price):
    assert wanted(snapshot(surveys={"merchant": book})) == price


def test_the_reflex_remembers_a_price_that_was_worth_less():
    tried = [(16_000, 10, 2)]  # 3,200 for each who asked
    assert wanted(at(asked=10, sold=10, tried=tried)) == 64_000
    assert wanted(at(asked=10, sold=10, tried=[(16_000, 10, 9)])) == 16_000
    assert wanted(at(asked=10, sold=10, tried=[(16_000, 2, 0)])) == 16_000  # two say little


def test_a_near_price_is_liked_better_than_a_far_one():
    near, far = (action.score for action in offers(at(asked=9, sold=9))[-2:])
    assert near > far > 0


async def test_the_survey_is_the_shops_book_at_that_block():
    class Shop:
        def figures(self, at):
            return {"price": at}

    tools = replace(TOOLS, shop=Shop())
    read = FakeReader(BLOCK, {})
    assert await merchant.make({}, tools).survey(read, snapshot()) == {"price": NOW}
    assert await merchant.make({}, TOOLS).survey(read, snapshot()) == {}
