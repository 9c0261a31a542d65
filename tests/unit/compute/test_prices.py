"""A price that follows a path."""

import json

import pytest

from compute.errors import BadConfig
from compute.prices import load_path, rate_at

PATH = ((10, 100), (20, 200))


@pytest.mark.parametrize(
    ("elapsed", "rate"), [(-5, 7), (0, 7), (9, 7), (10, 100), (19, 100), (20, 200), (10**9, 200)]
)
def test_the_last_step_reached_holds(elapsed, rate):
    assert rate_at(PATH, elapsed, before=7) == rate


def test_without_a_path_the_price_stays():
    assert rate_at((), 100, before=7) == 7


def test_both_kinds_of_file_say_the_same(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(PATH))
    (tmp_path / "p.toml").write_text("path = [[10, 100], [20, 200]]")
    assert load_path(tmp_path / "p.json") == load_path(tmp_path / "p.toml") == PATH


@pytest.mark.parametrize(
    "text", ["", "{}", "[[1]]", "[[20, 1], [10, 1]]", "[[1, 0]]", "[[1, -1]]", '[["a", 1]]']
)
def test_a_path_that_makes_no_sense_is_refused(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(BadConfig):
        load_path(tmp_path / "p.json")
