"""What a policy is taught: more of what is worth more, nothing at all where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.moments import LAST, Moments
from finetune.objective import NAMES, Aim, lesson


def moments(count=60, lives=6, lines=3, seed=0):
    dice = np.random.default_rng(seed)
    mu = np.tile(np.asarray([0.6, 0.3, 0.1], dtype=np.float32), count)
    life = np.repeat(np.arange(lives), count // lives).astype(np.int32)
    following = np.arange(1, count + 1)
    following[count // lives - 1 :: count // lives] = LAST
    return Moments(
        life=life,
        states=dice.normal(size=(count, 4)).astype(np.float32),
        starts=np.arange(count + 1) * lines,
        lines=np.zeros((count * lines, 2), dtype=np.float32),
        mu=mu,
        chosen=dice.integers(0, lines, count).astype(np.int32),
        hours=(life + 1).astype(np.float32),
        runway=np.ones(count, dtype=np.float32),
        following=following,
        died=following == LAST,
        remaining=np.ones(count, dtype=np.float32),
        token_starts=np.arange(count + 1),
        tokens=np.zeros(count, dtype=np.uint16),
    )


WORTH = np.tile(np.asarray([-0.2, 0.8, -1.2], dtype=np.float32), 60)
"""Over what was likely: nothing on average."""


@pytest.mark.parametrize("name", NAMES)
def test_every_target_is_a_distribution_over_its_menu(name):
    found = lesson(moments(), WORTH, Aim(name))
    shares = found.target.reshape(60, 3)
    assert np.allclose(shares.sum(1), 1, atol=1e-5)
    assert (shares >= 0).all()
    assert found.weight.mean() == pytest.approx(1, abs=1e-3)


def test_what_is_worth_more_is_taught_more_and_what_is_worth_less_less():
    shares = lesson(moments(), WORTH, Aim()).target.reshape(60, 3)
    assert (shares[:, 1] > 0.6).all()
    assert (shares[:, 2] < 0.05).all()


def test_how_large_the_values_are_does_not_matter():
    one, many = (lesson(moments(), scale * WORTH, Aim()).target for scale in (1, 1000))
    assert np.allclose(one, many, atol=1e-4)


def test_without_any_advantage_nothing_is_to_be_learnt():
    told = moments()
    assert np.allclose(lesson(told, WORTH, Aim("zero")).target, told.mu, atol=1e-5)


def test_shuffled_advantages_favour_no_line():
    found = lesson(moments(), WORTH, Aim("shuffled"))
    assert np.allclose(found.target, moments().mu)
    assert found.weight.std() > 0.1


def test_filtered_imitation_reads_only_the_longest_lives():
    found = lesson(moments(), WORTH, Aim("filtered"))
    read = np.unique(moments().life[found.weight > 0])
    assert set(read) == {4, 5}


def test_kto_unlearns_what_short_lives_did():
    found = lesson(moments(), WORTH, Aim("kto"))
    assert set(np.unique(moments().life[found.sign < 0])) == {0, 1, 2}


def test_no_life_outweighs_all_the_others():
    told = moments()
    found = lesson(told, WORTH, Aim("per_sample", beta=0.05, most_life=0.3))
    held = np.bincount(told.life, weights=found.weight)
    assert held.max() / held.sum() < 0.35


def test_a_life_that_lasted_longer_than_others_of_its_world_weighs_more():
    told = moments()
    worlds = ["easy", "easy", "hard", "hard", "alone", "other"]  # 1 to 6 hours an entry
    held = np.bincount(told.life, weights=lesson(told, WORTH, Aim(most_life=1.0), worlds).weight)
    assert held[1] > 2 * held[0]
    assert held[3] > 2 * held[2]
    assert held[0] == pytest.approx(held[2])
    assert held[4] == pytest.approx(held[5])


def test_from_a_parent_a_lesson_says_how_many_times_likelier_and_not_how_likely():
    found = lesson(moments(), WORTH, Aim(start="parent", stake=1.0))
    growth = found.target.reshape(60, 3)
    assert (found.bends == 1).all()
    assert (growth[:, 1] > 1).all()
    assert (growth[:, 2] < 1).all()
    assert np.allclose(np.log(growth[:, 0] / growth[:, 2]), np.log(growth[0, 0] / growth[0, 2]))


def test_a_parents_child_reads_what_is_at_stake_where_it_would_be_itself():
    told, worth = moments(), WORTH.reshape(60, 3).copy()
    worth[::2] *= 0.1
    worlds, generations = ["a", "a", "a", "b", "b", "b"], [1, 0, 0, 0, 1, 0]
    found = lesson(told, worth.ravel(), Aim(start="parent", stake=0.5), worlds, generations)
    read = found.weight > 0
    assert not read[np.isin(told.life, (1, 3))].any()
    assert read[np.isin(told.life, (0, 4))][1::2].all()  # of the newest generation
    assert read[np.isin(told.life, (2, 5))][1::2].all()  # outlived the others
    assert not read[::2].any()
