"""How readers are measured, and the plain one that they are measured against."""

from __future__ import annotations

from itertools import islice
from random import Random

import numpy as np
import pytest

from finetune.bags import PENALTIES, learn
from finetune.literacy import figures
from finetune.news import News
from world.news import NewsTable, stories

TOLD = [
    News(story.text, story.realised_bps / 1000, story.closes_s, story.resolves_s)
    for story in islice(stories(NewsTable(), Random(31)), 1200)
]


def weighed(count, noise=0.0, seed=1):
    """Texts whose words add up."""
    dice = Random(seed)
    worth = {"gain": 0.3, "loss": -0.3, "calm": 0.0, "much": 0.1, "few": -0.1}
    for at in range(count):
        words = [dice.choice(list(worth)) for _ in range(3)]
        yield News(
            f"{' '.join(words)}, end", sum(map(worth.get, words)) + noise * dice.gauss(0, 1), at, at
        )


def test_a_bag_learns_what_its_words_add_up_to():
    bag = learn(list(weighed(400)))
    later = list(weighed(100, seed=2))
    said = bag.read([each.text for each in later])
    assert said == pytest.approx([each.realised for each in later], abs=0.03)
    assert bag.read(["of words unknown"]) == [0.0]


def test_the_more_noise_the_larger_the_penalty_and_it_is_one_of_those_tried():
    quiet, loud = learn(list(weighed(200))), learn(list(weighed(200, noise=3.0)))
    assert {quiet.penalty, loud.penalty} <= set(PENALTIES)
    assert quiet.penalty < loud.penalty


def test_a_bag_beats_silence_on_the_news_of_a_world_and_by_little():
    later = TOLD[900:]
    truth = np.asarray([each.realised for each in later])
    said = learn(TOLD[:900]).read([each.text for each in later])
    told = figures({"bag": said, "zero": np.zeros(len(later))}, truth)
    assert 0.8 * told["zero"]["mean"] < told["bag"]["mean"] < told["zero"]["mean"]


def test_an_interval_holds_the_mean_and_a_difference_is_of_the_same_texts():
    dice = np.random.default_rng(3)
    truth = dice.normal(0, 0.4, 500)
    said = {"good": truth + dice.normal(0, 0.1, 500), "zero": np.zeros(500)}
    told = figures(said, truth)
    for each in told.values():
        assert each["low95"] < each["mean"] < each["high95"]
    assert "less" not in told["good"]
    less = told["zero"]["less"]
    assert less["mean"] == pytest.approx(told["zero"]["mean"] - told["good"]["mean"], abs=1e-4)
    assert less["low95"] > 0
    assert figures(said, truth) == told


def test_no_difference_is_none():
    truth = np.random.default_rng(4).normal(0, 0.4, 300)
    told = figures({"one": np.zeros(300), "other": np.zeros(300)}, truth)
    assert told["other"]["less"] == {"mean": 0.0, "low95": 0.0, "high95": 0.0}
