"""The news of a world: what can be known from a text, and what cannot."""

from __future__ import annotations

import re
from itertools import islice, pairwise
from random import Random

import numpy as np
import pytest
from pydantic import ValidationError

from strategies.reading import LONGEST, words_in
from world.headlines import COMPANIES, MOODS, MOST, headline, tokens, words
from world.news import MoodRegime, NewsTable, split, stories

TABLE = NewsTable(per_hour=1.0)


class OnlyUniform(Random):
    """Nothing else may be asked of it: other draws differ between versions of Python."""

    def getrandbits(self, k):
        raise AssertionError(k)

    def gauss(self, mu=0.0, sigma=1.0):
        raise AssertionError(mu, sigma)


@pytest.fixture(scope="module")
def told():
    return list(islice(stories(TABLE, OnlyUniform(1)), 8000))


def explained(realised, forecast):
    """The share of what follows that a forecast explains, against "no change"."""
    return 1 - float(((realised - forecast) ** 2).sum() / (realised**2).sum())


def ridge(earlier, later, most):
    """Learns weights of words, or of runs of up to so many, and forecasts what is later."""
    runs = {}

    def counts(texts, *, learn):
        rows = []
        for text in texts:
            said = tokens(text)
            found = [
                " ".join(said[at : at + n])
                for n in range(1, most + 1)
                for at in range(len(said) - n + 1)
            ]
            rows.append([runs.setdefault(f, len(runs)) for f in found if learn or f in runs])
        return np.array([np.bincount(row, minlength=len(runs)) for row in rows], float)

    seen = counts([story.text for story in earlier], learn=True)
    asked = counts([story.text for story in later], learn=False)
    target = np.array([story.realised_bps for story in earlier], float)
    inverse = np.linalg.inv(seen.T @ seen + 20 * most * np.eye(seen.shape[1]))
    return asked @ (inverse @ (seen.T @ target))


def test_who_knew_all_there_is_to_know_would_explain_three_quarters(told):
    realised = np.array([story.realised_bps for story in told])
    expected = np.array([story.expected_bps for story in told])
    assert explained(realised, expected) == pytest.approx(0.75, abs=0.02)
    misses = realised - expected
    assert abs(misses.mean()) < 10
    assert misses.std() == pytest.approx(TABLE.noise_bps, rel=0.05)


def test_a_bag_of_words_explains_little_and_the_order_of_words_more(told):
    """Learned from what was known before the first text of the test appeared."""
    earlier, later = split(told, 0.75)
    realised = np.array([story.realised_bps for story in later], float)
    bag = explained(realised, ridge(earlier, later, 1))
    runs = explained(realised, ridge(earlier, later, 3))
    ceiling = explained(realised, np.array([story.expected_bps for story in later]))
    assert 0.07 < bag < 0.2
    assert 0.25 < runs < 0.4
    assert ceiling > 0.7


def test_no_news_is_no_bias_to_live_on(told):
    """A forecast that is always the same explains nothing."""
    realised = np.array([story.realised_bps for story in told])
    assert explained(realised, np.full(len(told), realised.mean())) < 0.02


def test_returns_and_texts_keep_to_their_bounds(told):
    assert all(abs(story.realised_bps) <= TABLE.span_bps for story in told)
    assert all(abs(story.expected_bps) <= TABLE.span_bps for story in told)
    assert max(len(story.text) for story in told) <= LONGEST
    assert all(words_in(story.text.encode()) == story.text for story in told)
    assert any(abs(story.realised_bps) == TABLE.span_bps for story in told)


def test_every_word_is_known_beforehand_and_every_known_word_is_used(told):
    used = {word for story in told for word in tokens(story.text)}
    assert used == set(words())
    assert len(words()) == len(set(words())) < 64
    assert all(re.sub(r"[a-z]+|[,:]| ", "", story.text) == "" for story in told)


def test_the_same_dice_tell_the_same_stories_and_others_others(told):
    assert list(islice(stories(TABLE, Random(1)), 50)) == told[:50]
    assert list(islice(stories(TABLE, Random(2)), 50)) != told[:50]
    first = told[0]
    assert (first.at_s, first.text, first.realised_bps) == FIRST


FIRST = (
    6768,
    (
        "dunlin, hopeful market: to cut debt, although to cut forecast, "
        "while harrow said to buy aldine"
    ),
    -625,
)
"""In every version of Python, on every machine."""


def test_stories_come_in_time_about_as_often_as_the_table_says(told):
    times = [story.at_s for story in told]
    assert times == sorted(times)
    assert times[-1] / 3600 == pytest.approx(8000, rel=0.05)
    for story in told[:100]:
        assert story.at_s + 4 * 3600 - 1 <= story.closes_s <= story.at_s + 4 * 3600 + 1
        assert (story.resolves_s - story.closes_s, story.void_s - story.resolves_s) == (3600, 86400)


def test_moods_last_and_decide_what_a_text_is_worth(told):
    moods = [next(mood for mood in MOODS if mood in story.text) for story in told]
    changes = sum(a != b for a, b in pairwise(moods))
    assert 8000 / 16 * 0.8 < changes < 8000 / 16 * 1.2
    hopeful, wary = (_worth(mood, "garnet", "rates to fall") for mood in MOODS)
    assert hopeful < 0 < wary


@pytest.mark.parametrize(
    ("about", "better", "worse"),
    [
        ("garnet", "to raise forecast", "not to raise forecast"),
        ("garnet", "never fails to raise forecast", "fails to raise forecast"),
        ("garnet", "to cut debt", "to raise debt"),
        ("garnet", "to be bought by egret", "to buy egret"),
        ("corvel", "oil to rise", "oil to fall"),
        ("aldine", "oil to fall", "oil to rise"),
        ("garnet", "to win order sharply", "to win order slightly"),
        ("garnet", "may lose order", "to lose order"),
    ],
)
def test_what_words_mean_depends_on_the_words_beside_them(about, better, worse):
    assert _worth("wary", about, better) > _worth("wary", about, worse)


def _worth(mood, about, text):
    """What the language itself says a text is worth: told often enough, everything is said."""
    whole = f"{about}, {mood} market: {text}"
    if whole not in SAID:
        dice = Random(5)
        while whole not in SAID:
            said = headline(dice, mood)
            SAID[said.text] = said.effect
    return SAID[whole]


SAID: dict[str, float] = {}


def test_of_two_deeds_the_one_after_although_counts_little_wherever_it_stands():
    dice = Random(3)
    said = dict(headline(dice, "wary") for _ in range(15_000))
    alone = {text: effect for text, effect in said.items() if text.count(",") == 1}
    checked = {"before": 0, "after": 0}
    for text, effect in said.items():
        about, _, body = text.partition(" market: ")
        before = re.fullmatch(r"although ([a-z ]+), ([a-z ]+)", body)
        after = re.fullmatch(r"([a-z ]+), although ([a-z ]+)", body)
        for order, found in (("before", before), ("after", after)):
            if found:
                main, side = found.groups()[:: -1 if order == "before" else 1]
                parts = [alone.get(f"{about} market: {part}") for part in (main, side)]
                if None not in parts and max(map(abs, (*parts, effect))) < MOST:
                    assert effect == pytest.approx(parts[0] + 0.3 * parts[1], abs=1e-9)
                    checked[order] += 1
    assert min(checked.values()) > 50


def test_what_others_do_meanwhile_is_of_no_account(told):
    plain = {story.text: story.expected_bps for story in told}
    pairs = [
        (plain[text], told_bps)
        for whole, told_bps in plain.items()
        if (text := re.sub(r", while [a-z ]+", "", whole)) in plain and text != whole
    ]
    assert len(pairs) > 50
    assert all(a == b for a, b in pairs)


def test_a_test_is_later_and_all_that_was_learned_was_known_by_then(told):
    earlier, later = split(told[:1000], 0.7)
    assert later == told[700:1000]
    assert max(story.resolves_s for story in earlier) <= later[0].at_s
    assert 680 < len(earlier) < 700
    assert earlier == told[: len(earlier)]
    assert split([], 0.5) == ([], [])
    assert split(told[:9], 1.0) == (told[:9], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"moods": (MoodRegime(name="giddy", mean_h=3),)},
        {"moods": ()},
        {"least_micro": 10, "most_micro": 9},
        {"span_bps": 10_001},
        {"per_hour": 0},
        {"tempo": 1},
    ],
)
def test_a_table_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ValidationError):
        NewsTable(**changes)


def test_every_company_is_in_the_news(told):
    assert {story.text.partition(",")[0] for story in told} == set(COMPANIES)
