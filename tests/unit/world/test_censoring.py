"""Lives that were not seen to their end: what is assumed of them, and how far it might be wrong."""

from __future__ import annotations

import pytest
from evaluated import at_horizon, one
from hypothesis import given
from hypothesis import strategies as st

from world.censoring import best, seen, slept, worst
from world.survival import Life, restricted_mean

ROWS = st.builds(
    one,
    reason=st.sampled_from(("died", "horizon", "halted", "lost")),
    paid_h=st.floats(0, 480),
)


@pytest.mark.parametrize(
    ("row", "as_seen", "at_worst", "at_best"),
    [
        (one(paid_h=50), (50, True), (50, True), (50, True)),
        (one(paid_h=450), (400, False), (400, False), (400, False)),
        (one(paid_h=400), (400, True), (400, True), (400, True)),
        (at_horizon(478), (400, False), (400, False), (400, False)),
        (one(reason="halted", paid_h=90), (90, False), (90, True), (400, False)),
        (one(reason="lost", paid_h=90), (90, False), (90, True), (400, False)),
        (one(reason="halted", paid_h=450), (400, False), (400, False), (400, False)),
        (at_horizon(240), (240, False), (240, True), (400, False)),
    ],
)
def test_a_life_is_taken_as_seen_and_for_the_worst_and_the_best(row, as_seen, at_worst, at_best):
    taken = seen(row, 400), worst(row, 400), best(row, 400)
    assert taken == (Life(*as_seen), Life(*at_worst), Life(*at_best))


def test_a_life_that_was_through_nearly_all_of_its_horizon_is_counted_to_its_end():
    rows = [at_horizon(470), at_horizon(460), at_horizon(475), one(paid_h=478)]
    assert [seen(row, 480) for row in rows[:3]] == [Life(480, died=False)] * 3
    # Otherwise the one that died last would be alone at risk, and the curve fall to nothing.
    assert restricted_mean([seen(row, 480) for row in rows], 480).hours == pytest.approx(479.5)


def test_a_life_that_slept_cannot_pass_for_one_that_lived():
    sleepers = [at_horizon(20)] * 5
    assert all(map(slept, sleepers))
    assert not slept(at_horizon(470))
    assert not slept(one(paid_h=20))
    assert restricted_mean([seen(row, 480) for row in sleepers], 480).hours == 480
    assert restricted_mean([worst(row, 480) for row in sleepers], 480).hours == 20


@given(st.lists(ROWS, min_size=1, max_size=20), st.floats(1, 480))
def test_what_would_have_been_seen_lies_between_the_worst_and_the_best(rows, tau):
    low, told, high = (
        restricted_mean([take(row, tau) for row in rows], tau).hours for take in (worst, seen, best)
    )
    assert low <= told + 1e-9
    assert told <= high + 1e-9
