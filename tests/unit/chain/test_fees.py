from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain import fees
from chain.types import Fees, Wei

amounts = st.integers(0, 10**15).map(Wei)


def test_an_offer_leaves_room_for_six_full_blocks():
    offered = fees.offer(Wei(10_000), cap=Wei(10**12), tip=Wei(5))
    assert offered == Fees(Wei(20_005), Wei(5))
    assert offered.max_fee > 10_000 * 1.125**5


@given(base=amounts, cap=amounts)
def test_no_offer_passes_the_cap_or_tips_more_than_it_pays(base, cap):
    offered = fees.offer(base, cap)
    assert offered.priority <= offered.max_fee <= cap


@given(old=st.builds(Fees, amounts, amounts), base=amounts, cap=amounts)
def test_a_replacement_raises_both_fees_by_an_eighth_under_the_cap(old, base, cap):
    new = fees.replacement(old, base, cap)
    if new is None:
        return
    assert new.max_fee * 8 >= old.max_fee * 9
    assert new.priority * 8 >= old.priority * 9
    assert new.max_fee > old.max_fee
    assert new.priority > old.priority
    assert new.priority <= new.max_fee <= cap


@pytest.mark.parametrize(
    ("cap", "expected"),
    [(112, None), (113, 113), (150, 150), (1000, 201)],
    ids=["an eighth is too much", "just an eighth", "up to the cap", "what is right now"],
)
def test_a_replacement_goes_as_far_as_the_cap_lets_it(cap, expected):
    new = fees.replacement(Fees(Wei(100), Wei(1)), Wei(100), Wei(cap), tip=Wei(1))
    assert (new and new.max_fee) == expected


def test_a_fee_below_the_base_fee_is_priced_out():
    assert fees.priced_out(Fees(Wei(9), Wei(1)), Wei(10))
    assert not fees.priced_out(Fees(Wei(10), Wei(1)), Wei(10))
