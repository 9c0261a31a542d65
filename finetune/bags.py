"""What a plain reader makes of news: a ridge regression on a bag of words.

The yardstick beside a taught model. Its penalty is chosen on the training part alone, by what the
earlier four fifths of it say of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from finetune.news import News

PENALTIES: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
FITTED: Final = 0.8

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Bag:
    """Weights of words; one that was never seen weighs nothing."""

    places: Mapping[str, int]
    weights: Array
    penalty: float

    def read(self, texts: Sequence[str]) -> Array:
        found: Array = _counts(texts, self.places) @ self.weights
        return found


def learn(news: Sequence[News]) -> Bag:
    """From news in the order of time."""
    cut = int(FITTED * len(news))
    tried = [(_miss(_fit(news[:cut], one), news[cut:]), one) for one in PENALTIES]
    return _fit(news, min(tried)[1])


def _fit(news: Sequence[News], penalty: float) -> Bag:
    words = dict.fromkeys(word for each in news for word in _words(each.text))
    places = {word: place for place, word in enumerate(words)}
    seen = _counts([each.text for each in news], places)
    realised = np.asarray([each.realised for each in news])
    square = seen.T @ seen + penalty * np.eye(len(places))
    return Bag(places, np.linalg.solve(square, seen.T @ realised), penalty)


def _miss(bag: Bag, news: Sequence[News]) -> float:
    realised = np.asarray([each.realised for each in news])
    return float(((bag.read([each.text for each in news]) - realised) ** 2).mean())


def _counts(texts: Sequence[str], places: Mapping[str, int]) -> Array:
    counts = np.zeros((len(texts), len(places)))
    for row, text in enumerate(texts):
        for word in _words(text):
            if word in places:
                counts[row, places[word]] += 1
    return counts


def _words(text: str) -> list[str]:
    return text.replace(",", " , ").replace(":", " : ").split()
