"""The data card: strangers' words stand on it as words, and as nothing else."""

from __future__ import annotations

import pytest

from telemetry.exporting.card import card

HOSTILE = [
    "see [here](http://evil) `` `x` **now**",
    "`\n\n# Verified\n\n| life | records |\n",
    "\x1b[2J\u202e",
    "",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_a_refused_log_writes_no_markdown(words):
    told = card([], [{"source": words, "agent": 7, "why": words}])
    shown = told.splitlines()
    [line] = [line for line in shown if line.startswith("- `") and "`7`" in line]
    assert line.count("`") == 6  # three spans: source, agent, why
    assert line.isprintable()
    assert len(shown) == len(card([], [{"source": "x", "agent": 7, "why": "y"}]).splitlines())
