from __future__ import annotations

from dataclasses import dataclass

import pytest

from strategies.errors import BadOptions
from strategies.options import read_options


@dataclass(frozen=True)
class Options:
    hours: tuple[int, ...] = (1, 2)
    share: float = 0.5
    name: str = "x"
    eager: bool = False


def test_what_is_not_given_keeps_its_default():
    assert read_options(Options, {"hours": [3]}) == Options(hours=(3,))
    assert read_options(Options, {"share": 1}) == Options(share=1.0)


def test_an_unknown_option_is_answered_with_the_nearest_right_name():
    with pytest.raises(BadOptions, match="option hour, meant hours"):
        read_options(Options, {"hour": [1]})


@pytest.mark.parametrize(
    "given",
    [
        {"hours": 3},
        {"hours": ["3"]},
        {"share": "1"},
        {"share": float("nan")},
        {"share": -0.1},
        {"hours": [-1]},
        {"name": 1},
        {"eager": 1},
        {"hours": [True]},
    ],
)
def test_nothing_is_converted_and_nothing_is_negative(given):
    with pytest.raises(BadOptions):
        read_options(Options, given)
