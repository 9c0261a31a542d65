"""The small model that ships was never taught to read news, and what it says is not believed."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import pytest

from compute.llama import Llama
from strategies.reading import LABELS, prompt_for, read
from strategies.trust import judge
from world.news import NewsTable, stories

pytestmark = pytest.mark.model

MODEL: Final = Path(__file__).parents[2] / "compute/models/forager-g0.gguf"
WINDOW: Final = 16
"""What a life looks back on."""


def test_the_model_that_ships_answers_about_any_text_and_is_not_believed():
    llama = Llama(MODEL)
    told = list(islice(stories(NewsTable(), Random(11)), 20 * WINDOW))
    readings = [read(llama.score(prompt_for(story.text.encode()), LABELS)) for story in told]
    tried = [(r.mean, s.realised_bps / 1000) for r, s in zip(readings, told, strict=True)]
    windows = [judge(tried[at : at + WINDOW]) for at in range(0, len(tried), WINDOW)]
    assert not any(trust.slope for trust in windows)
