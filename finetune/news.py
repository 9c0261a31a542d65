"""Short texts and the returns that followed, as lives saw them on chain: each once, split in time.

A life tells in its survey which rounds of news are over, with what the board has for them
(`strategies/clippings.py`). Only lives that were verified against their chains are asked. A return
is a life's own word still: where two of them differ, nobody is believed. Texts are strangers' words
and nothing but tokens of one bounded question.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from finetune.errors import NoNews
from finetune.tables import Row
from strategies.reading import words_in
from strategies.rounds import Past, past_in

HOUR: Final = 3600


class News(NamedTuple):
    """A text and what followed, as a share of the span; times are the chain's, in seconds."""

    text: str
    realised: float
    closes_at: int
    known_at: int
    """When a life first saw it reported."""


class Split(NamedTuple):
    """The later ones are for the test."""

    earlier: tuple[News, ...]
    later: tuple[News, ...]


@dataclass
class Hearing:
    """What lives say, life after life; what cannot be is left out and counted."""

    lives: int = 0
    refused: int = 0
    """Tellings that are none: in words that no life of ours uses, or before it could be known."""
    contradicted: int = 0
    _told: dict[tuple[str, int], dict[float, int]] = field(default_factory=dict)
    """For each text and closing time the returns told, and when each was first known."""

    def hear(self, rows: Sequence[Row]) -> None:
        """One life's decisions, in order."""
        self.lives += 1
        for row in rows:
            for past in _past(row):
                at, realised = int(row["time"]), past.realised_bps / past.span_bps
                if not _is_plain(past.text) or at <= past.closes_at:
                    self.refused += 1
                    continue
                returns = self._told.setdefault((past.text, past.closes_at), {})
                returns[realised] = min(at, returns.get(realised, at))

    def news(self) -> tuple[News, ...]:
        """In the order of time; of a text that came more than once, the first time."""
        found: dict[str, News] = {}
        self.contradicted = sum(len(returns) > 1 for returns in self._told.values())
        for (text, closes_at), returns in sorted(self._told.items(), key=lambda it: it[0][::-1]):
            if len(returns) == 1:
                [(realised, known_at)] = returns.items()
                found.setdefault(text, News(text, realised, closes_at, known_at))
        return tuple(found.values())


def _past(row: Row) -> Iterable[Past]:
    surveys = _map(_map(json.loads(row["observation"])).get("surveys"))
    return past_in(_map(surveys.get("forecaster")))


def _is_plain(text: str) -> bool:
    """As a survey tells it: printable, on one line, not too long."""
    return text.isascii() and bool(text) and words_in(text.encode()) == text


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def split(news: Sequence[News], share: float, gap_h: float) -> Split:
    """Of what is learnt from everything was known `gap_h` before the first text of the test closed:
    with a gap longer than rounds are open, before it appeared. What lies between is not used.
    """
    told = sorted(news, key=lambda each: each.closes_at)
    later = tuple(told[int(share * len(told)) :])
    if not later:
        raise NoNews("there is no news to learn from", texts=len(told))
    until = later[0].closes_at - gap_h * HOUR
    earlier = tuple(each for each in told[: len(told) - len(later)] if each.known_at <= until)
    return Split(earlier, later)
