"""What forecasting earns on paper, for readers of several kinds: dollars over a hundred rounds.

Everybody reads the same news, is believed as far as the last rounds show (`strategies/trust.py`),
and stakes five dollars on each round whose expected gain pays its gas and two cents more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from random import Random
from statistics import mean, stdev
from typing import Final

import numpy as np

from strategies.rounds import gain
from strategies.trust import judge
from world.headlines import tokens
from world.news import NewsTable, Story, split, stories

TABLE: Final = NewsTable()
STAKE: Final = 5_000_000
GAS: Final = 80_000
"""A stake and its claim: 260,000 gas at a gwei, with ether at 300 dollars."""
LEAST: Final = 20_000
RECORD: Final = 32
LEARNED: Final = 6_000
TESTED: Final = 2_000
PART: Final = 100
SEEDS: Final = range(5)

Read = Callable[[Story], float]


def earned(told: Sequence[Story], read: Read) -> tuple[float, int]:
    """Dollars, and rounds that were staked on."""
    micro, staked = 0, 0
    for place, story in enumerate(told):
        over = [
            each
            for each in told[max(0, place - RECORD - 24) : place]
            if each.resolves_s <= story.at_s
        ]
        record = [(read(each), each.realised_bps / TABLE.span_bps) for each in over[-RECORD:]]
        said = round(judge(record).slope * read(story) * TABLE.span_bps)
        if gain(STAKE, said, said, TABLE.span_bps) < GAS + LEAST:
            continue
        staked += 1
        micro += gain(STAKE, said, story.realised_bps, TABLE.span_bps) - GAS
    return micro / 1e6, staked


def learned(told: Sequence[Story], most: int) -> Read:
    """A ridge regression on runs of up to so many words."""
    runs: dict[str, int] = {}
    rows = [[runs.setdefault(run, len(runs)) for run in _runs(story, most)] for story in told]
    table = np.array([np.bincount(row, minlength=len(runs)) for row in rows], float)
    target = np.array([story.realised_bps / TABLE.span_bps for story in told])
    ridge = table.T @ table + 20 * most * np.eye(len(runs))
    weights = np.linalg.solve(ridge, table.T @ target)

    def read(story: Story) -> float:
        return float(sum(weights[runs[run]] for run in _runs(story, most) if run in runs))

    return read


def _runs(story: Story, most: int) -> list[str]:
    said = tokens(story.text)
    sizes = range(1, most + 1)
    return [" ".join(said[at : at + n]) for n in sizes for at in range(len(said) - n + 1)]


def main() -> None:
    results: dict[str, list[tuple[float, int]]] = {}
    for seed in SEEDS:
        told = list(islice(stories(TABLE, Random(seed)), LEARNED + TESTED))
        earlier, later = split(told, LEARNED / len(told))
        dice = Random(seed)
        blind = {story: dice.uniform(-1, 1) for story in later}
        readers: dict[str, Read] = {
            "knows all there is to know": lambda story: story.expected_bps / TABLE.span_bps,
            "runs of three words": learned(earlier, 3),
            "a bag of words": learned(earlier, 1),
            "says the same of everything": lambda _story: -0.23,
            "says anything": lambda story, blind=blind: blind[story],
        }
        for name, read in readers.items():
            parts = [later[at : at + PART] for at in range(0, len(later), PART)]
            results.setdefault(name, []).extend(earned(part, read) for part in parts)
    for name, parts in results.items():
        dollars = [each for each, _ in parts]
        wide = 1.96 * stdev(dollars) / len(dollars) ** 0.5
        often = mean(n for _, n in parts)
        print(f"{name:30} {mean(dollars):+7.2f} ± {wide:.2f}   staked on {often:.0f} of {PART}")


if __name__ == "__main__":
    main()
