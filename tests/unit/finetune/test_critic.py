"""The critic learns which action lengthens lives, from lives in which both were tried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finetune.critic import CriticCourse, advantages, beforehand, learn, targets
from finetune.features import ACTION_N, AGE, STATE_N
from finetune.moments import LAST, Moments
from finetune.trying import concordance, returns


def toy(lives=60, length=12, seed=0):
    """Two actions; the second one makes the next hour a paid one, the first one does not."""
    dice = np.random.default_rng(seed)
    count = lives * length
    chosen = dice.integers(0, 2, count).astype(np.int32)
    lines = np.zeros((2 * count, ACTION_N), dtype=np.float32)
    lines[0::2, 0] = 1
    lines[1::2, 1] = 1
    following = np.arange(1, count + 1)
    following[length - 1 :: length] = LAST
    states = np.ones((count, STATE_N), dtype=np.float32)
    states[:, 0] = np.tile(np.linspace(0, 1, length), lives)
    states[:, AGE] = np.log1p(np.tile(np.arange(length), lives))
    return Moments(
        life=np.repeat(np.arange(lives), length).astype(np.int32),
        states=states,
        starts=np.arange(count + 1) * 2,
        lines=lines,
        mu=np.full(2 * count, 0.5, dtype=np.float32),
        chosen=chosen,
        hours=chosen.astype(np.float32),
        runway=np.ones(count, dtype=np.float32),
        following=following,
        died=following == LAST,
        remaining=np.ones(count, dtype=np.float32),
        token_starts=np.arange(count + 1),
        tokens=np.zeros(count, dtype=np.uint16),
    )


COURSE = CriticCourse(members=3, width=32, steps=250, batch=128, lr=3e-3)


def worth(critic, told, doubt=0.0):
    """How much more the second action is held to be worth, on average."""
    found = advantages(critic, told, doubt).reshape(-1, 2)
    return float((found[:, 1] - found[:, 0]).mean())


def test_what_is_paid_for_is_worth_more():
    assert 0.5 < worth(learn(toy(), COURSE), toy()) < 2.0


def test_rewards_that_say_nothing_teach_nothing():
    told = toy()
    nothing = np.zeros(len(told), dtype=np.float32)
    assert abs(worth(learn(told, COURSE, reward=nothing), told)) < 0.2


def test_what_the_members_do_not_agree_on_is_nothing():
    critic = learn(toy(), COURSE)
    assert 0 < worth(critic, toy(), 1.0) < worth(critic, toy())
    assert worth(critic, toy(), 1000.0) == 0.0


def test_advantages_of_a_menu_cancel_out_by_what_was_likely():
    told = toy()
    found = advantages(learn(told, COURSE), told, 0.0)
    assert np.allclose((found * told.mu).reshape(-1, 2).sum(1), 0, atol=1e-5)


def test_money_in_hand_favours_no_action_and_a_death_takes_it_all():
    told = toy(lives=1, length=3)
    course = replace(COURSE, trace=1.0, discount=0.5)
    critic = learn(told, replace(course, steps=1))
    rich = replace(told, runway=np.asarray([5, 9, 2], dtype=np.float32))
    poor = replace(told, runway=np.zeros(3, dtype=np.float32))
    foretold = beforehand(rich, 0.5)
    assert np.allclose(
        targets(critic, rich, rich.hours, course) + foretold,
        targets(critic, poor, poor.hours, course),
        atol=1e-5,
    )


def test_the_same_seed_gives_the_same_critic():
    short = CriticCourse(members=2, width=16, steps=20, batch=64)
    one, other = (advantages(learn(toy(), short), toy(), 1.0) for _ in range(2))
    assert np.array_equal(one, other)


def test_returns_are_summed_from_the_end_of_each_life():
    told = toy(lives=2, length=3)
    found = returns(told, 0.5)
    h = told.hours
    assert found[0] == pytest.approx(h[0] + 0.5 * h[1] + 0.25 * h[2])
    assert found[3] == pytest.approx(h[3] + 0.5 * h[4] + 0.25 * h[5])


def test_concordance_counts_only_pairs_whose_order_is_known():
    lasted, died = np.asarray([1.0, 2.0, 3.0]), np.asarray([True, True, True])
    assert concordance(np.asarray([1, 2, 3]), lasted, died) == 1
    assert concordance(np.asarray([3, 2, 1]), lasted, died) == 0
    assert concordance(np.asarray([1, 1, 1]), lasted, died) == 0.5
    censored = np.asarray([False, True, True])
    assert concordance(np.asarray([9, 1, 2]), lasted, censored) == 1
