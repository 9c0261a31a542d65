"""The price is what the last decision that named one said, and for a while the one before."""

from __future__ import annotations

import pytest

from agent.shop.prices import Bounds, Priced, current, honoured, priced
from chain.types import Micro

BOUNDS = Bounds(Micro(10), Micro(1000))
FIRST, SECOND, THIRD = (Priced(n, 100 * n, Micro(100 * n)) for n in (1, 2, 3))
DEAR = Priced(4, 400, Micro(1001))


def decision(key="merchant.price", chosen=1, **params):
    menu = [
        {"key": "hold.wait", "params": {}, "summary": ""},
        {"key": key, "params": {"price_micro": 70} | params, "summary": ""},
    ]
    return {"menu": menu, "chosen": chosen, "observation": {"block": {"at": 9}}}


def test_a_decision_for_a_price_names_it_and_no_other_does():
    assert priced(5, decision()) == Priced(5, 9, Micro(70))
    assert priced(5, decision(price_micro=str(2**60))) == Priced(5, 9, Micro(2**60))
    assert priced(5, decision(chosen=0)) is None
    assert priced(5, decision("keeper.work")) is None


@pytest.mark.parametrize(
    ("said", "now"),
    [([], None), ([FIRST], FIRST), ([FIRST, SECOND], SECOND), ([FIRST, DEAR], None)],
)
def test_the_newest_price_counts_unless_it_is_out_of_bounds(said, now):
    assert current(said, BOUNDS) == now


@pytest.mark.parametrize(
    ("at", "stand"),
    [
        (300, (THIRD, SECOND, FIRST)),
        (500, (THIRD, SECOND, FIRST)),
        (501, (THIRD, SECOND)),
        (600, (THIRD, SECOND)),
        (601, (THIRD,)),
        (10**9, (THIRD,)),
    ],
)
def test_a_price_that_was_replaced_stands_as_long_as_a_payment_may_take(at, stand):
    assert honoured((FIRST, SECOND, THIRD), at, 300, BOUNDS) == stand


def test_nothing_is_sold_at_an_old_price_while_there_is_no_new_one():
    assert honoured((FIRST, DEAR), 400, 300, BOUNDS) == ()
    assert honoured((), 400, 300, BOUNDS) == ()


def test_a_price_out_of_bounds_does_not_come_back_as_an_old_one():
    assert honoured((DEAR, THIRD), 400, 300, BOUNDS) == (THIRD,)
