"""Evidence is fair: luck wins no more often than it says, and the better policy does win."""

from __future__ import annotations

from itertools import combinations, product
from math import exp
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from world.contrasts import Pair
from world.evidence import BLOCK, ENOUGH, RATIOS, bets, evidence
from world.pairing import coin, longer
from world.survival import Life

HOURS = st.integers(0, 12).map(float)
LIFE = st.builds(Life, HOURS, st.booleans())


def worlds(rng, number, rate, ends, alike=0.0):
    """Pairs of which ours die at `rate` times the rate of theirs; `alike`: how worlds differ."""
    for _ in range(number):
        luck = rng.gammavariate(1 / alike, alike) + 1e-9 if alike else 1.0
        hours = [rng.expovariate(luck * r) for r in (rate, 1.0)]
        yield Pair(*([Life(min(h, ends), h <= ends)] for h in hours))


def stakes(ours, theirs):
    return [exp(each) for each in bets(ours, theirs)]


@given(st.lists(LIFE, min_size=2, max_size=8), st.data())
def test_whoever_may_be_whose_a_bet_makes_nothing_on_average(lives, data):
    """Over all ways to call so many of these lives ours: exactly 1 without ties, never more."""
    ours = data.draw(st.integers(0, len(lives)))
    told = [
        stakes(
            [life for at, life in enumerate(lives) if at in chosen],
            [life for at, life in enumerate(lives) if at not in chosen],
        )
        for chosen in combinations(range(len(lives)), ours)
    ]
    died = [life.hours for life in lives if life.died]
    for each in zip(*told, strict=True):
        mean = sum(each) / len(each)
        assert mean <= 1 + 1e-9
        if len(set(died)) == len(died):
            assert mean == pytest.approx(1)


@given(st.lists(LIFE, min_size=1, max_size=8), st.lists(LIFE, min_size=1, max_size=8), st.data())
def test_ties_are_taken_in_the_order_that_gives_the_least_evidence(ours, theirs, data):
    def apart(lives):
        return [
            Life(life.hours + data.draw(st.floats(0, 0.5)), life.died) if life.died
            # Who was last seen at an hour was at risk in it, whatever came first.
            else Life(life.hours + 0.6, died=False)
            for life in lives
        ]  # fmt: skip

    for tied, untied in zip(bets(ours, theirs), bets(apart(ours), apart(theirs)), strict=True):
        assert tied <= untied + 1e-9


def test_a_bet_is_the_product_over_deaths_of_what_the_ratio_says_over_an_equal_chance():
    ours = [Life(3, died=True), Life(9, died=False)]
    theirs = [Life(1, died=True), Life(2, died=False), Life(5, died=True)]
    # At 1 h theirs of 2 + 3, at 3 h ours of 2 + 1, at 5 h theirs of 1 + 1.
    expected = [
        (1 / (2 * r + 3) / (1 / 5)) * (r / (2 * r + 1) / (1 / 3)) * (1 / (r + 1) / (1 / 2))
        for r in RATIOS
    ]
    assert stakes(ours, theirs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ends", "alike"), [(99.0, 0.0), (1.0, 0.0), (99.0, 1.0), (0.5, 1.0), (1.0, 4.0)]
)
def test_if_both_die_alike_20_is_ever_reached_in_fewer_than_1_of_20_runs(ends, alike):
    """Looked at after each block, be many lives cut short or worlds very unlike each other."""
    rng = Random(11)
    told = [evidence([list(worlds(rng, 60, 1.0, ends, alike))]) for _ in range(300)]
    assert sum(each.highest >= ENOUGH for each in told) / 300 <= 0.05
    assert all(len(each.path) == 60 // BLOCK for each in told)
    again = [coin(worlds(rng, 60, 1.0, ends, alike)) for _ in range(300)]
    assert sum(each.highest >= ENOUGH for each in again) / 300 <= 0.05


@pytest.mark.parametrize(
    ("rate", "number", "least", "least_by_pairs"), [(0.5, 100, 0.75, 0.4), (0.25, 40, 0.93, 0.7)]
)
def test_a_policy_that_dies_more_slowly_is_found_out(rate, number, least, least_by_pairs):
    rng = Random(12)
    found = [list(worlds(rng, number, rate, 2.0)) for _ in range(60)]
    assert sum(evidence([each]).shown for each in found) / 60 >= least
    assert sum(coin(each).e >= ENOUGH for each in found) / 60 >= least_by_pairs
    assert not any(evidence([[Pair(b, a) for a, b in each]]).e > 0.5 for each in found)


def test_worlds_count_by_whole_blocks_and_a_new_one_changes_nothing_before():
    told = list(worlds(Random(1), 3 * BLOCK + 3, 0.3, 2.0))
    whole = evidence([told])
    assert (whole.worlds, whole.waiting) == (3 * BLOCK, 3)
    for number in range(len(told)):
        before = evidence([told[:number]])
        assert before.path == whole.path[: number // BLOCK]
        assert before.e == (before.path[-1] if before.path else 1)
    assert whole.highest == max(whole.path)
    assert evidence([]).e == 1


def test_scenarios_together_are_one_bet_after_the_other():
    told = [list(worlds(Random(n), 9, 0.3, 2.0)) for n in (1, 2)]
    one, two, both = evidence(told[:1]), evidence(told[1:]), evidence(told)
    product_of_each = [exp(a + b) for a, b in zip(one.stakes, two.stakes, strict=True)]
    assert both.e == pytest.approx(sum(product_of_each) / len(RATIOS))
    assert both.path[:2] == one.path
    assert (both.worlds, both.waiting) == (16, 2)


def test_evidence_too_great_to_write_is_still_a_number():
    told = evidence([[Pair([Life(9, died=False)] * 50, [Life(1, died=True)] * 50)] * 400])
    assert told.shown
    assert told.e < float("inf")


@pytest.mark.parametrize(
    ("ours", "theirs", "lasted"),
    [
        ((5, True), (3, True), True),
        ((3, True), (5, True), False),
        ((4, True), (4, True), None),
        ((4, False), (4, True), True),
        ((4, True), (4, False), False),
        ((9, False), (4, True), True),
        ((2, False), (4, True), None),
        ((4, True), (2, False), None),
        ((9, False), (9, False), None),
    ],
)
def test_of_two_lives_one_lasted_longer_if_that_was_seen(ours, theirs, lasted):
    assert longer(Life(*ours), Life(*theirs)) is lasted


@given(st.integers(0, 9))
def test_a_fair_coin_makes_nothing_on_average(number):
    win, lose = (Pair([Life(a, died=True)], [Life(b, died=True)]) for a, b in ((2, 1), (1, 2)))
    told = [coin(each).e for each in product((win, lose), repeat=number)]
    assert sum(told) / len(told) == pytest.approx(1)


def test_worlds_that_tell_nothing_are_passed_over_and_counted():
    win = Pair([Life(2, died=True)], [Life(1, died=True)])
    tie = Pair([Life(2, died=True)], [Life(2, died=True)])
    crowd = Pair([Life(2, died=True)] * 2, [Life(1, died=True)])
    told = coin([tie, win, crowd, win, tie])
    assert (told.ours, told.theirs, told.open) == (2, 0, 3)
    assert told.e == pytest.approx(2 * 0.5 * 2 * 0.75)


@given(st.lists(LIFE, min_size=1, max_size=9), st.lists(LIFE, min_size=1, max_size=9))
def test_one_cannot_live_longer_than_itself(ours, theirs):
    """Evidence for both directions at once would be a contradiction."""
    assume(ours and theirs)
    there, back = stakes(ours, theirs), stakes(theirs, ours)
    assert all(a * b <= 1 + 1e-9 for a, b in zip(there, back, strict=True))
