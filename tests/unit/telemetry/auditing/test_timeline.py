"""What a page draws from: few points, no peak lost, and times that blocks tell."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lives import Counter, whole_life

from telemetry.auditing.audit import Asked, examine
from telemetry.auditing.clock import LONGEST_S, make_clock
from telemetry.auditing.harvest import together
from telemetry.auditing.moments import Flow, Tick, When
from telemetry.auditing.thinning import Kept, Thin, merged, thinned


def itself(value):
    return value


@given(st.lists(st.integers(0, 10**6), max_size=300), st.integers(4, 60))
def test_thinning_keeps_ends_and_order(places, most):
    kept = thinned(places, most, itself)
    assert len(kept) <= most
    if len(places) > most:
        assert kept == sorted(kept)
    if places:
        assert {min(places), max(places)} <= set(kept)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(4, 60))
def test_thinning_loses_no_peak(heights, most):
    points = list(enumerate(heights))
    kept = [height for _, height in thinned(points, most, lambda p: p[0], lambda p: p[1])]
    assert len(kept) <= most
    assert (min(kept), max(kept)) == (min(heights), max(heights))


def test_thinning_is_even_however_often_it_is_done():
    thin = Thin(100, itself)
    for epoch in range(1000):
        thin.extend(range(50 * epoch, 50 * epoch + 50))
    kept = thin.all()
    assert thin.count == 50_000
    assert 50 <= len(kept) <= 100
    steps = [after - before for before, after in pairwise(kept)]
    assert len(set(steps[2:-1])) == 1


def test_what_is_rare_is_kept_and_what_is_too_much_counted():
    kept = Kept(3)
    for value in range(5):
        kept.add(value)
    kept.extend((7, 8), 10)
    assert (list(kept), kept.count, kept.more) == ([0, 1, 2], 15, 12)


@given(st.lists(st.integers(1, 50), max_size=200), st.integers(1, 40))
def test_neighbours_are_joined_and_none_is_lost(sizes, most):
    joined = merged([[size] for size in sizes], most, list.__add__, sum)
    assert [size for part in joined for size in part] == sizes
    assert len(joined) <= 2 * most + 1


@given(st.lists(st.integers(0, 10**9), max_size=20), st.integers(0, 20))
def test_a_flow_is_the_same_in_parts_as_whole(held, cut):
    def flow(values):
        whole = Flow()
        for value in values:
            whole = whole.then(Flow(value, value))
        return whole

    parts = flow(held[:cut]).then(flow(held[cut:]))
    assert parts == flow(held)
    if held:
        assert parts.rose - parts.fell == held[-1] - held[0]


def test_the_clock_goes_by_blocks_where_records_tell_their_times():
    ticks = [Tick(200, 5000, 400), Tick(100, 4700, None), Tick(300, 5100, None)]
    clock = make_clock(ticks, When(3, 90, 10**15), 1.0)
    assert clock.on_chain
    assert clock.born_at == 4600
    assert [clock.age(When(0, block, 0)) for block in (100, 150, 200, 250, 400)] == [
        *(100, 250, 400, 450),
        500 + 100 * 2.0,
    ]
    assert make_clock(ticks, When(0, 150, 0), 1.0).born_at == 4850


@pytest.mark.parametrize("ticks", [[], [Tick(1, 5, 5)], [Tick(1, 5, 0), Tick(9, 5, 0)]])
@pytest.mark.parametrize(("speed", "age"), [(2.0, 6.0), (0.0, 3.0), (1e300, 3e6)])
def test_without_two_moments_of_the_chain_the_walls_clock_must_do(ticks, speed, age):
    clock = make_clock(ticks, When(0, 7, 1000), speed)
    assert not clock.on_chain
    assert clock.age(When(5, 99, 4000)) == age
    assert clock.age(When(5, 99, 0)) == 0


@given(
    st.lists(st.builds(Tick, *[st.integers(0, 2**63)] * 2, st.none() | st.integers(0, 2**63))),
    st.builds(When, *[st.integers(0, 2**53)] * 3),
    st.floats(0, allow_infinity=False),
)
def test_no_clock_leaves_its_bounds(ticks, when, speed):
    for first in (None, when, When(0, 0, 0)):
        age = make_clock(ticks, first, speed).age(when)
        assert 0 <= age <= LONGEST_S


async def test_several_harvest_one_log(tmp_path):
    folder = str(whole_life().write(tmp_path))
    sizes, numbers = [], []

    class Number(Counter):
        def __init__(self, checkpoint):
            self.epoch = checkpoint.head.epoch
            super().__init__(checkpoint)

        def done(self):
            return self.epoch

    wanted = [
        (Counter, lambda _, taken: sizes.append(taken)),
        (Number, lambda _, taken: numbers.append(taken)),
    ]
    harvest, gather = together(wanted)
    await examine(Asked(folder), harvest=harvest, gather=gather)
    assert (sum(sizes), numbers) == (11, [0, 1, 2])
    assert together([]) == (None, None)
