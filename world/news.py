"""What news a world has: which text comes when, and what return follows it.

With the figures of a plain `NewsTable` nobody can explain more than about 75 % of what follows (R²
against "no change", on texts of a later time): the rest is noise that no text tells of. A ridge
regression on a bag of words explains about 13 %, one on words, pairs and triples about 31 % (of six
thousand texts to learn from; `tests/unit/world/test_news.py` holds the news to that).

Pure; only uniform draws are used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Self

from pydantic import Field, model_validator

from world.headlines import MOODS, headline, words
from world.section import Hours, Lasting, Price, Section
from world.spells import HOUR, spells

__all__ = ["MoodRegime", "NewsTable", "Story", "split", "stories", "words"]

DICE: Final = 12
"""The sum of so many draws, less its mean, has a variance of one and is nearly normal."""


class MoodRegime(Section):
    """A spell of the market's mood, which decides what is already in the prices."""

    name: str
    mean_h: Lasting


class NewsTable(Section):
    """A stream of rounds on a ForecastBoard, all sponsored by one newspaper."""

    per_hour: float = Field(default=1.0, strict=True, ge=0.001, le=60)
    moods: tuple[MoodRegime, ...] = Field(
        default=tuple(MoodRegime(name=name, mean_h=16) for name in MOODS), min_length=1
    )
    span_bps: int = Field(default=1000, strict=True, ge=10, le=10_000)
    """The largest return either way."""
    noise_bps: int = Field(default=250, strict=True, ge=0, le=10_000)
    """The standard deviation of what no text tells of."""
    open_h: Hours = 4
    """So long stakes are taken."""
    settle_h: Hours = 1
    """So long after that the return is reported."""
    void_h: Hours = 24
    """So long after that, if nobody reports, stakes go back."""
    escrow_micro: Price = 5_000_000
    """What all forecasters of a round can win; three times as much can be staked."""
    least_micro: Price = 100_000
    most_micro: Price = 5_000_000
    """What one forecaster may stake."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        unknown = {mood.name for mood in self.moods} - set(MOODS)
        if unknown:
            raise ValueError(f"moods are {' and '.join(MOODS)}")
        if self.least_micro > self.most_micro:
            raise ValueError("least_micro is more than most_micro")
        return self


@dataclass(frozen=True, slots=True)
class Story:
    """One round's text and what follows; times count from the start."""

    at_s: int
    closes_s: int
    resolves_s: int
    void_s: int
    text: str
    expected_bps: int
    """The return on average after such a text: who knew it would know all there is to know."""
    realised_bps: int


def stories(table: NewsTable, dice: Random) -> Iterator[Story]:
    """Without end, in the order of time."""
    moods = spells(table.moods, dice)
    until, mood = next(moods)
    at = 0.0
    while True:
        at += _wait(dice, HOUR / table.per_hour)
        while at >= until:
            until, mood = next(moods)
        told = headline(dice, mood.name)
        closes_s = int(at + table.open_h * HOUR)
        resolves_s = closes_s + max(1, int(table.settle_h * HOUR))
        expected = told.effect * table.span_bps
        yield Story(
            at_s=int(at),
            closes_s=closes_s,
            resolves_s=resolves_s,
            void_s=resolves_s + max(1, int(table.void_h * HOUR)),
            text=told.text,
            expected_bps=round(expected),
            realised_bps=_within(table.span_bps, expected + table.noise_bps * _noise(dice)),
        )


def split(told: Sequence[Story], share: float) -> tuple[list[Story], list[Story]]:
    """What to learn from and what to be tested on: the test is later, and of what is learned from
    everything was known before the first text of the test appeared.
    """
    later = list(told[int(share * len(told)) :])
    start_s = later[0].at_s if later else math.inf
    earlier = told[: len(told) - len(later)]
    return [story for story in earlier if story.resolves_s <= start_s], later


def _noise(dice: Random) -> float:
    return sum(dice.random() for _ in range(DICE)) - DICE / 2


def _within(span: int, value: float) -> int:
    """A return beyond the span counts as the span."""
    return max(-span, min(span, round(value)))


def _wait(dice: Random, mean: float) -> float:
    """The time to the next of events that happen at random."""
    return -math.log(1 - dice.random()) * mean
