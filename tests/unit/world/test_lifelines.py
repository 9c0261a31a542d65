"""The same figures as lifelines gives, where it is installed: it asks for pandas before 3.

`test_survival.py` holds them to scikit-survival, which every checkout has.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from world.contrasts import log_rank
from world.survival import Life, curve, median, restricted_mean

pytest.importorskip("lifelines")

from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import restricted_mean_survival_time

HOURS = st.one_of(st.integers(1, 12).map(float), st.floats(0.01, 100, allow_subnormal=False))
LIVES = st.lists(st.builds(Life, HOURS, st.booleans()), min_size=2, max_size=25)
PATIENT = settings(deadline=None, max_examples=60)


def fitted(lives):
    model = KaplanMeierFitter()
    return model.fit([life.hours for life in lives], [life.died for life in lives])


@given(LIVES)
@PATIENT
def test_the_curve_its_band_and_its_median(lives):
    model = fitted(lives)
    theirs = model.survival_function_["KM_estimate"].to_dict()
    band = model.confidence_interval_
    for step in curve(lives):
        assert step.alive == pytest.approx(theirs[step.hours], abs=1e-12)
        if 0 < step.alive < 1:
            low, high = band.loc[step.hours]
            assert (step.low, step.high) == pytest.approx((low, high), abs=1e-9)
    found = model.median_survival_time_
    assert median(lives) == (None if math.isinf(found) else pytest.approx(found))


@given(LIVES, st.floats(0.5, 120))
@PATIENT
def test_the_restricted_mean(lives, tau):
    ours = restricted_mean(lives, tau)
    assert ours.hours == pytest.approx(restricted_mean_survival_time(fitted(lives), tau), abs=1e-9)


@given(LIVES, LIVES)
@PATIENT
def test_the_log_rank_statistic_and_its_p(ours, theirs):
    assume(any(life.died for life in (*ours, *theirs)))
    told = log_rank([(ours, theirs)])
    assume(told.variance > 0)
    found = logrank_test(
        [life.hours for life in ours],
        [life.hours for life in theirs],
        [life.died for life in ours],
        [life.died for life in theirs],
    )
    assert told.statistic == pytest.approx(found.test_statistic, rel=1e-9, abs=1e-9)
    assert told.p == pytest.approx(found.p_value, rel=1e-6, abs=1e-12)
