from __future__ import annotations

import pytest

from agent.quarantine import BASE_S, GOOD, MOST_S, Standing, failed, left_s, pause_s


@pytest.mark.parametrize(
    ("failures", "pause"),
    [
        (0, 0),
        (1, 0),
        (2, 2 * BASE_S),
        (3, 4 * BASE_S),
        (4, 8 * BASE_S),
        (8, 128 * BASE_S),
        (9, MOST_S),
        (40, MOST_S),
        (10**6, MOST_S),
    ],
)
def test_once_is_chance_and_then_each_pause_is_twice_the_last(failures, pause):
    assert pause_s(failures) == pause


def test_a_strategy_that_never_answers_is_asked_once_an_hour():
    now, standing, asked = 0.0, GOOD, []
    while now < 24 * 3600:
        asked.append(now)
        standing = failed(standing, now)
        now = max(now + 1, standing.until)
    assert asked[:5] == [0, 1, 31, 91, 211]
    assert asked[-1] - asked[-2] == MOST_S
    assert len(asked) == 31


@pytest.mark.parametrize(
    ("standing", "now", "left"),
    [(GOOD, 0, 0), (GOOD, 1e9, 0), (Standing(3, 100), 40, 60), (Standing(3, 100), 100, 0)],
)
def test_it_is_left_alone_until_then_and_no_longer(standing, now, left):
    assert left_s(standing, now) == left


def test_time_counts_from_the_last_failure():
    assert failed(Standing(1, 5), 1000) == Standing(2, 1000 + 2 * BASE_S)
