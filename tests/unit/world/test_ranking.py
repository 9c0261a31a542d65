"""Rank correlation, held against SciPy's."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from world.ranking import ranks, spearman

VALUES = st.integers(0, 9).map(float)


@given(st.lists(VALUES, max_size=20))
def test_ranks_are_those_of_scipy(values):
    assert ranks(values) == pytest.approx(rankdata(values))


@given(st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=20))
def test_the_correlation_is_that_of_scipy_and_its_interval_holds_it(points):
    ours, theirs = zip(*points, strict=True)
    assume(len(set(ours)) > 1 and len(set(theirs)) > 1)
    told = spearman(ours, theirs)
    assert told.value == pytest.approx(spearmanr(ours, theirs).statistic)
    if len(points) < 4:
        assert told.within is None
    else:
        assert -1 <= told.within.low <= told.value <= told.within.high <= 1
        assert told.within.low < told.within.high


def test_a_measure_that_tells_nothing_apart_has_no_correlation():
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    assert spearman([], []) is None


def test_the_same_order_of_more_things_is_surer():
    few, many = (spearman(range(n), range(n)).within.low for n in (5, 20))
    assert few < 0.6
    assert many > 0.95
