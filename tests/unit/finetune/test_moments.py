"""From tables to arrays: everything in its place, nothing believed that is not there."""

from __future__ import annotations

import json

import numpy as np
import pytest

from finetune.features import ACTION_N, STATE_N, action, actions, paid_h, state
from finetune.moments import LAST, Moments
from finetune.tables import is_sound, moments_of, untils
from finetune.training import part_of
from strategies.plain import to_plain
from strategies.samples import moments as samples


def observation(**changes):
    seen = to_plain(samples()["plain"] if "plain" in samples() else next(iter(samples().values())))
    return {**seen, **changes}


def row(t, action=0, **changes):
    seen = observation()
    seen["block"] = {**seen["block"], "at": 1_700_000_000 + 1800 * t}
    menu = [
        {"key": "hold.wait", "params": "{}"},
        {"key": "keeper.work", "params": json.dumps({"reward_micro": 10**6, "left_s": 3600})},
    ][: 1 + t % 2]
    plain = {
        "life": "a",
        "t": t,
        "time": 1_700_000_000 + 1800 * t,
        "observation": json.dumps(seen),
        "prompt": f"state money m{10 + t}\nA hold.wait\nchoose:\n",
        "actions": menu,
        "logprobs": [float(np.log(1 / len(menu)))] * len(menu),
        "action": action,
        "terminated": False,
        "truncated": False,
        "income_micro": 0,
    }
    return {**plain, **changes}


def life(count, **last):
    rows = [row(t) for t in range(count)]
    rows[-1] |= last
    return rows


def test_a_life_is_told_in_order_and_its_end_is_no_moment_of_another():
    told = moments_of([("a", life(3, terminated=True)), ("b", life(2, truncated=True))])
    assert told.life.tolist() == [0, 0, 0, 1, 1]
    assert told.following.tolist() == [1, 2, LAST, 4, LAST]
    assert told.died.tolist() == [False, False, True, False, False]


def test_every_menu_has_its_own_lines_and_shares():
    told = moments_of([("a", life(4, terminated=True))])
    assert [len(told.mu[told.menu(i)]) for i in range(4)] == [1, 2, 1, 2]
    assert told.lines.shape == (6, ACTION_N)
    assert told.states.shape == (4, STATE_N)
    assert told.mu[told.menu(1)].sum() == pytest.approx(1)


def test_lives_that_were_saved_come_back_as_they_were(tmp_path):
    told = moments_of([("a", life(3, terminated=True))])
    told.save(tmp_path / "m.npz")
    back = Moments.load(tmp_path / "m.npz")
    assert np.array_equal(back.lines, told.lines)
    assert np.array_equal(back.tokens, told.tokens)


def test_parts_joined_are_the_whole():
    both = moments_of([("a", life(3, terminated=True)), ("b", life(2, truncated=True))])
    one, other = moments_of([("a", life(3, terminated=True))]), moments_of([("b", life(2))])
    joined = Moments.joined([one, other])
    assert joined.following.tolist() == both.following.tolist()
    assert joined.starts.tolist() == both.starts.tolist()
    assert list(joined.prompt(4)) == list(both.prompt(4))
    assert joined.life.tolist() == both.life.tolist()


def test_a_part_holds_the_moments_of_its_lives_and_no_others():
    both = moments_of([("a", life(3, terminated=True)), ("b", life(2, terminated=True))])
    part = part_of(both, np.asarray([False, True]))
    assert len(part) == 2
    assert part.following.tolist() == [1, LAST]
    assert part.life.tolist() == [0, 0]
    assert list(part.prompt(1)) == list(both.prompt(4))
    assert np.array_equal(part.lines[part.menu(1)], both.lines[both.menu(4)])


def test_hours_are_those_under_the_lease_and_none_without_one():
    seen = observation()
    seen["block"] = {**seen["block"], "at": 1000}
    seen["lease"] = {**seen["lease"], "state": "active", "paid_until": 1000 + 7200}
    assert paid_h(seen, 1000 + 3600) == 1
    assert paid_h(seen, float("inf")) == 2
    assert paid_h({**seen, "lease": None}, 5000) == 0
    assert paid_h({**seen, "lease": {**seen["lease"], "state": "requested"}}, 5000) == 0


def test_a_last_decision_counts_for_a_tick_and_not_for_all_that_was_paid():
    assert untils(life(3)) == [1_700_001_800, 1_700_003_600, 1_700_005_400]
    assert untils(life(1)) == [1_700_000_000]
    assert untils([]) == []
    told = moments_of([("a", life(3, terminated=True))])
    assert told.hours.max() <= 0.5


@pytest.mark.parametrize(
    "junk",
    [{}, {"lease": 7, "holdings": "x", "offers": {}}, {"runway_h": "nan"}, {"eth_price": "1e999"}],
)
def test_features_of_rubbish_are_finite(junk):
    found = state(junk)
    assert found.shape == (STATE_N,)
    assert np.isfinite(found).all()
    lines = actions(junk, [{"key": "x.y", "params": "[1]"}, {"key": "", "params": {"a_s": "inf"}}])
    assert np.isfinite(lines).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows[1:],
        lambda rows: [rows[0], rows[2]],
        lambda rows: [rows[0], rows[0], *rows[1:]],
        lambda rows: [*rows[:-1], {**rows[-1], "action": 5}],
        lambda rows: [*rows[:-1], {**rows[-1], "logprobs": []}],
        lambda rows: [*rows[:-1], {**rows[-1], "logprobs": [float("nan")]}],
        lambda rows: [*rows[:-1], {**rows[-1], "logprobs": [-1.0]}],
        lambda rows: [*rows[:-1], {**rows[-1], "logprobs": [800.0]}],
        lambda rows: [*rows[:-1], {**rows[-1], "time": float("inf")}],
        lambda rows: [],
    ],
)
def test_a_life_with_a_hole_in_it_is_not_sound(spoil):
    rows = life(3)
    assert is_sound(rows)
    assert not is_sound(spoil(rows))


def test_a_critic_sees_a_line_alike_however_a_log_has_ordered_its_figures():
    said = {"reward_micro": 2_000_000, "gas_micro": 9_000, "chance_pct": 75, "left_s": 60}
    as_offered = {**said, "job_n": 41}
    as_logged = dict(sorted(as_offered.items(), key=lambda each: (len(each[0]), each[0])))
    assert list(as_logged) != list(as_offered)
    one, other = (action({}, "keeper.work", params) for params in (as_offered, as_logged))
    assert (one == other).all()


@pytest.mark.parametrize("name", ["reward_micro", "gas_micro", "chance_pct", "left_s"])
def test_a_critic_sees_all_of_a_job_that_matters(name):
    said = {"reward_micro": 2_000_000, "gas_micro": 9_000, "chance_pct": 75, "left_s": 60}
    more = {**said, name: 2 * said[name]}
    one, other = (action({}, "keeper.work", {**each, "job_n": 41}) for each in (said, more))
    assert (one != other).any()
