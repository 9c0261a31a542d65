"""Whoever lived longer lives more of the next lives, and nobody is forgotten."""

from __future__ import annotations

import pytest

from finetune.mix import FLOOR, mix

LIVED = {"g0": 40.0, "g1": 80.0, "random": 10.0, "heuristic": 60.0}


@pytest.mark.parametrize("seeds", [1, 2, 3, 8, 12, 40])
def test_as_many_lives_as_if_all_did_alike(seeds):
    assert sum(mix(LIVED, seeds).values()) == seeds * len(LIVED)


def test_the_longer_lived_live_more_but_nobody_less_than_the_floor():
    given = mix(LIVED, 12)
    assert sorted(given, key=given.__getitem__) == ["random", "g0", "heuristic", "g1"]
    assert min(given.values()) >= FLOOR * 12


def test_who_has_not_lived_yet_counts_as_much_as_the_best():
    given = mix({"g1": 0.0, "g0": 50.0, "random": 25.0}, 10)
    assert abs(given["g1"] - given["g0"]) <= 1  # what is left over falls somewhere
    assert given["g1"] > given["random"]


def test_before_anybody_lived_all_do_alike():
    assert mix({"g0": 0.0, "random": 0.0}, 5) == {"g0": 5, "random": 5}
