"""What a survey keeps of the news: rounds that were read, and what became of earlier ones. Pure.

The second is for whoever teaches: a text and the return that the board has for it, whether or not
this life could read it. Texts are told while there is room for their words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from chain.types import Json
from strategies import reading
from strategies.reading import Reading
from strategies.rounds import Round, forecast_of, past_of

OVER_N: Final = 3
"""So many of the newest rounds that are over."""
MOST_BYTES: Final = 3_000
"""Of a survey as JSON; one of 3,072 is no longer taken."""


def fresh(
    rounds: Sequence[Round], believed: float, readings: Mapping[int, Reading]
) -> list[Mapping[str, Json]]:
    """Those that were read, with what is expected of them."""
    told: list[Mapping[str, Json]] = []
    room = reading.LONGEST
    for each in (each for each in rounds if each.id in readings):
        words = reading.words_in(each.text)
        words = words if len(words) <= room else ""
        room -= len(words)
        told.append(asdict(forecast_of(each, believed, readings[each.id], words)))
    return told


def over(rounds: Sequence[Round], rest: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """The newest that are reported on, beside the rest of the survey."""
    told: list[Mapping[str, Json]] = []
    room = MOST_BYTES - len(json.dumps(rest))
    ended = [(each, each.realised) for each in rounds if each.realised is not None]
    for each, realised in ended[:OVER_N]:
        row = asdict(past_of(each, realised, reading.words_in(each.text)))
        size = len(json.dumps(row)) + len(", ")
        if row["text"] and size <= room:
            told.append(row)
            room -= size
    return told
