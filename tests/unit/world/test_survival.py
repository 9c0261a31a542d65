"""Curves, means and intervals, held against other people's implementations and against chance."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from random import Random
from statistics import fmean, pvariance

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sksurv.compare import compare_survival
from sksurv.nonparametric import CensoringDistributionEstimator, kaplan_meier_estimator

from world import censoring
from world.contrasts import Pair, contrast, log_rank
from world.resampling import Interval, Sorted, interval, mean_draws, weights
from world.survival import Life, curve, median, restricted_mean

HOURS = st.one_of(st.integers(0, 12).map(float), st.floats(0, 100, allow_subnormal=False))
LIFE = st.builds(Life, HOURS, st.booleans())
LIVES = st.lists(LIFE, min_size=1, max_size=30)
TAU = st.floats(0.5, 120)
PATIENT = settings(deadline=None)
"""For what the other implementations take now and then."""

# Weeks of remission in Freireich's trial of 1963, which R's survival package and textbooks use.
TREATED = [Life(h, died=True) for h in (6, 6, 6, 7, 10, 13, 16, 22, 23)] + [
    Life(h, died=False) for h in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
]
PLACEBO = [
    Life(h, died=True)
    for h in (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
]


def arrays(lives):
    return np.array([life.died for life in lives]), np.array([life.hours for life in lives])


def lived(rng, rate, ends=40.0):
    """One life at a constant danger, watched until `ends`."""
    hours = rng.expovariate(rate)
    return Life(min(hours, ends), hours <= ends)


@given(LIVES)
@PATIENT
def test_the_curve_and_its_band_are_those_of_scikit_survival(lives):
    died, hours = arrays(lives)
    assume(died.any())
    times, alive, band = kaplan_meier_estimator(died, hours, conf_type="log-log")
    steps = {step.hours: step for step in curve(lives)}
    for at, share, low, high in zip(times, alive, *band, strict=True):
        step = steps[at]
        assert step.alive == pytest.approx(share, abs=1e-12)
        if 0 < share < 1:
            assert (step.low, step.high) == pytest.approx((low, high), abs=1e-9)


@given(LIVES)
def test_a_curve_falls_from_one_and_its_band_holds_it(lives):
    steps = curve(lives)
    assert (steps[0].hours, steps[0].alive, steps[0].at_risk) == (0.0, 1.0, len(lives))
    assert sum(step.died for step in steps) == sum(life.died for life in lives)
    assert sum(step.died + step.censored for step in steps) == len(lives)
    for before, after in pairwise(steps):
        assert before.hours <= after.hours
        assert before.alive >= after.alive
    assert all(0 <= step.low <= step.alive <= step.high <= 1 for step in steps)


def test_the_curve_of_a_known_trial_is_that_of_the_textbooks():
    told = {s.hours: (s.at_risk, s.died, s.alive, sqrt(s.variance)) for s in curve(TREATED)}
    assert told[6] == (21, 3, pytest.approx(0.857143, abs=1e-6), pytest.approx(0.076360, abs=1e-6))
    assert told[10] == (15, 1, pytest.approx(0.752941, abs=1e-6), pytest.approx(0.09635, abs=1e-6))
    assert told[23] == (6, 1, pytest.approx(0.448179, abs=1e-6), pytest.approx(0.134591, abs=1e-6))
    assert median(TREATED) == 23
    assert median(PLACEBO) == 8
    assert median([Life(3, died=True), *[Life(9, died=False)] * 2]) is None
    assert curve(TREATED)[0].alive == 1
    assert curve(TREATED)[-1].alive == told[23][2]


@pytest.mark.parametrize(
    ("lives", "tau", "hours", "error"),
    [
        (TREATED, 10, 9.277310924370, 0.326769115387),
        (TREATED, 22.5, 17.640336134450, 1.505931065270),
        (TREATED, 35, 23.287394957980, 2.827467623370),
        (PLACEBO, 10, 6.619047619048, 0.733012268851),
        (PLACEBO, 22.5, 8.642857142860, 1.365738384400),
        (PLACEBO, 35, 8.666666666670, 1.377390041260),
    ],
)
def test_restricted_means_and_their_errors_are_those_of_r(lives, tau, hours, error):
    """summary(survfit(Surv(hours, died) ~ 1), rmean = tau) of survival 3.5."""
    told = restricted_mean(lives, tau)
    assert told[:2] == pytest.approx((hours, error), rel=1e-10)
    assert (told.low, told.high) == pytest.approx(
        (hours - 1.959964 * error, min(hours + 1.959964 * error, tau)), rel=1e-6
    )


@given(LIVES, TAU)
@PATIENT
def test_the_mean_is_the_area_under_scikit_survivals_curve(lives, tau):
    died, hours = arrays(lives)
    assume(died.any())
    times, alive, _ = kaplan_meier_estimator(died, hours, conf_type="log-log")
    edges = np.concatenate([[0.0], np.minimum(times, tau), [tau]])
    area = float(np.sum(np.diff(edges) * np.concatenate([[1.0], alive])))
    assert restricted_mean(lives, tau).hours == pytest.approx(area, abs=1e-9)


@given(st.lists(HOURS, min_size=1, max_size=30), TAU)
def test_where_every_death_was_seen_mean_and_error_are_the_plain_ones(hours, tau):
    told = restricted_mean([Life(each, died=True) for each in hours], tau)
    cut = [min(each, tau) for each in hours]
    assert told.hours == pytest.approx(fmean(cut), abs=1e-9)
    assert told.error == pytest.approx(sqrt(pvariance(cut) / len(cut)), abs=1e-6)


@given(LIVES, TAU)
def test_the_error_is_what_each_life_by_itself_would_change(lives, tau):
    """The infinitesimal jackknife, which for this curve equals Greenwood's formula."""
    told = Sorted([[life] for life in lives], tau)
    influence = []
    for place in range(len(lives)):
        more, less = ([1.0] * len(lives) for _ in range(2))
        more[place] += 1e-5
        less[place] -= 1e-5
        influence.append((told.mean(more) - told.mean(less)) / 2e-5)
    expected = sqrt(sum(each * each for each in influence))
    assert restricted_mean(lives, tau).error == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.lists(LIFE, min_size=1, max_size=3), min_size=1, max_size=8), TAU, st.data())
def test_a_world_drawn_twice_counts_as_its_lives_twice(worlds, tau, data):
    times = data.draw(st.lists(st.integers(0, 3), min_size=len(worlds), max_size=len(worlds)))
    assume(any(times))
    lives = [life for world, n in zip(worlds, times, strict=True) for life in world * n]
    expected = restricted_mean(lives, tau).hours
    assert Sorted(worlds, tau).mean(times) == pytest.approx(expected, abs=1e-9)


@given(LIVES, LIVES)
@settings(PATIENT, max_examples=50)
def test_the_log_rank_statistic_is_that_of_scikit_survival(ours, theirs):
    told = log_rank([(ours, theirs)])
    assume(told.variance > 1e-9)
    died, hours = arrays([*ours, *theirs])
    both = np.array(list(zip(died, hours, strict=True)), dtype=[("e", bool), ("t", float)])
    kind = np.array([0] * len(ours) + [1] * len(theirs))
    statistic, p, table, covariance = compare_survival(both, kind, return_stats=True)
    assert told.statistic == pytest.approx(statistic, rel=1e-9, abs=1e-9)
    assert told.p == pytest.approx(p, rel=1e-9)
    assert told.variance == pytest.approx(covariance[0, 0], rel=1e-9)
    assert told.died == table["observed"].iloc[0]
    assert told.expected == pytest.approx(table["expected"].iloc[0], rel=1e-9)


def test_the_log_rank_statistic_of_the_known_trial_is_that_of_r_and_strata_add_up():
    alone = log_rank([(TREATED, PLACEBO)])
    assert alone.statistic == pytest.approx(16.7929409892, rel=1e-10)
    twice = log_rank([(TREATED, PLACEBO), (TREATED, PLACEBO)])
    assert twice.statistic == pytest.approx(2 * alone.statistic)
    assert log_rank([]).p == 1
    assert log_rank([([Life(5, died=True)], [])]).p == 1


def test_the_interval_by_worlds_holds_the_truth_about_as_often_as_it_says():
    truth = (1 - np.exp(-1.0)) / 0.05
    held = {"by world": 0, "by formula": 0}
    for seed in range(150):
        rng = Random(seed)
        lives = [lived(rng, 0.05, ends=rng.uniform(10, 60)) for _ in range(40)]
        drawn = Sorted([[life] for life in lives], 20.0)
        low, high = interval([drawn.mean(t) for t in weights([40], draws=200)])
        held["by world"] += low <= truth <= high
        told = restricted_mean(lives, 20.0)
        held["by formula"] += told.low <= truth <= told.high
    assert all(0.88 <= times / 150 <= 0.99 for times in held.values()), held


def test_lives_that_share_a_worlds_luck_are_not_counted_as_so_many_separate_ones():
    rng = Random(1)
    worlds = []
    for _ in range(30):
        life = lived(rng, 0.05)
        worlds.append([life] * 4)
    low, high = interval(mean_draws([worlds], 40.0))
    lives = [life for world in worlds for life in world]
    told = restricted_mean(lives, 40.0)
    assert high - low > 1.7 * (told.high - told.low)


def test_the_same_lives_give_the_same_interval_every_time():
    worlds = [[life] for life in TREATED]
    assert mean_draws([worlds], 30) == mean_draws([worlds], 30)
    assert mean_draws([worlds], 30, seed=1) != mean_draws([worlds], 30, seed=2)
    assert interval([float(n) for n in range(1, 1001)]) == Interval(25.0, 976.0)


def test_each_scenario_keeps_its_number_of_worlds_in_every_draw():
    for times in weights([3, 1, 5], draws=50):
        assert [sum(times[:3]), sum(times[3:4]), sum(times[4:])] == [3, 1, 5]
    short, long = ([[Life(h, died=True)]] * 5 for h in (1, 9))
    assert mean_draws([short, long], 20) == pytest.approx([5.0] * 1000)
    assert len({round(each) for each in mean_draws([[*short, *long]], 20)}) > 3


def test_a_difference_in_the_same_worlds_is_narrower_than_one_between_strangers():
    rng = Random(3)
    pairs = []
    for _ in range(40):
        luck = rng.expovariate(1 / 30)
        pairs.append(Pair([Life(luck * 1.2 + 1, died=True)], [Life(luck, died=True)]))
    told = contrast([pairs], 100)
    truth = fmean(min(p.ours[0].hours, 100) - min(p.theirs[0].hours, 100) for p in pairs)
    assert told.difference == pytest.approx(truth)
    assert 0 < told.difference_within.low < truth < told.difference_within.high
    mixed = [Pair(a.ours, b.theirs) for a, b in zip(pairs, pairs[1:] + pairs[:1], strict=True)]
    strangers = contrast([mixed], 100)
    assert strangers.difference == pytest.approx(truth)
    width = told.difference_within.high - told.difference_within.low
    assert strangers.difference_within.high - strangers.difference_within.low > 3 * width
    assert told.ratio == pytest.approx(
        1 + truth / fmean(min(p.theirs[0].hours, 100) for p in pairs)
    )
    assert told.ratio_within.low < told.ratio < told.ratio_within.high


def test_to_a_life_of_no_hours_there_is_no_ratio():
    none, some = [Life(0, died=True)], [Life(5, died=True)]
    told = contrast([[Pair(some, none)] * 3], 10)
    assert (told.difference, told.ratio, told.ratio_within) == (5, None, None)
    mixed = contrast([[Pair(some, none), Pair(some, some), Pair(some, some)]], 10)
    assert mixed.ratio == pytest.approx(1.5)
    assert mixed.ratio_within is None


@given(LIVES, TAU)
def test_weighted_by_the_chance_of_being_watched_the_mean_is_kaplan_and_meiers(lives, tau):
    """A known identity, as long as the last who was watched was watched to the end."""
    lives = [*lives, Life(200.0, died=True)]
    told = censoring.weighted_mean([lives], tau)
    assert told == pytest.approx(restricted_mean(lives, tau).hours, abs=1e-9)


@given(st.lists(LIFE, min_size=2, max_size=30))
@PATIENT
def test_the_chance_of_being_watched_is_that_of_scikit_survival(lives):
    """Its ties are taken differently, so there are none here."""
    lives = [Life(life.hours + place / 1000, life.died) for place, life in enumerate(lives)]
    assume(len({life.hours for life in lives}) == len(lives))
    lives.append(Life(500.0, died=True))
    died, hours = arrays(lives)
    both = np.array(list(zip(died, hours, strict=True)), dtype=[("e", bool), ("t", float)])
    theirs = CensoringDistributionEstimator().fit(both)
    given_weights = censoring.weights(lives, 1000.0)
    chance = theirs.predict_proba(hours)
    for life, weight, share in zip(lives, given_weights, chance, strict=True):
        assert weight == (pytest.approx(1 / share, rel=1e-9) if life.died else 0)


def test_weights_mend_what_censoring_by_the_scenario_does_to_a_pooled_mean():
    rng = Random(5)
    harsh = [lived(rng, 0.2, ends=rng.uniform(1, 50)) for _ in range(3000)]
    mild = [lived(rng, 0.01, ends=rng.uniform(1, 12)) for _ in range(3000)]
    truth = fmean((1 - np.exp(-rate * 10)) / rate for rate in (0.2, 0.01))
    pooled = restricted_mean(harsh + mild, 10).hours
    mended = censoring.weighted_mean([harsh, mild], 10)
    assert abs(mended - truth) < 0.1 < abs(pooled - truth)
    assert censoring.weighted_mean([[Life(1, died=False)]], 10) is None
