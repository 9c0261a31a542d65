from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshots import PLACES, moments, snapshot

from chain.types import Call, Micro, Pull, Wei
from strategies.errors import NotPlain
from strategies.plain import from_plain, to_plain
from strategies.port import Action, Snapshot


@pytest.mark.parametrize("name", moments())
def test_every_moment_comes_back_as_it_was(name):
    seen = moments()[name]
    assert from_plain(Snapshot, json.loads(json.dumps(to_plain(seen)))) == seen


@given(
    amount=st.integers(0, 2**256 - 1),
    args=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**256), 2**256) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=5), inner),
        max_leaves=8,
    ),
    score=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_call_comes_back_as_it_was(amount, args, score):
    pull = Pull(PLACES.token, Micro(amount), 2**60)
    call = Call(PLACES.token, "f(uint256)", (args, amount), Wei(amount), 21_000, pull)
    action = Action("x.y", {"a_wei": amount}, "do", (call,), score)
    assert from_plain(Action, json.loads(json.dumps(to_plain(action)))) == action


def test_amounts_are_decimal_text_and_other_numbers_are_numbers():
    plain = to_plain(snapshot())
    assert plain["holdings"] == {"wei": str(10**16), "micro": "20000000", "stale": False}
    assert plain["age_s"] == 36_000
    assert plain["lease"]["rate"] == "277777777777777777777"


GOOD = to_plain(snapshot())
HELD = GOOD["holdings"]


@pytest.mark.parametrize(
    "changes",
    [
        {"surplus": 1},
        {"agent": True},
        {"agent": 2**53},
        {"agent": "7"},
        {"agent": 7.0},
        {"manifest": None},
        {"placing": "nowhere"},
        {"offers": {}},
        {"runway_h": float("inf")},
        {"runway_h": "1"},
        {"holdings": HELD | {"wei": 5}},
        {"holdings": HELD | {"wei": "05"}},
        {"holdings": HELD | {"wei": "٥"}},
        {"holdings": HELD | {"wei": "1e3"}},
        {"holdings": HELD | {"stale": 0}},
        {"surveys": {"keeper": {1: 2}}},
        {"surveys": {"keeper": {"x": {"$int": "5"}}}},
        {"surveys": {"keeper": {"x": 2**53}}},
    ],
)
def test_what_is_not_exactly_a_snapshot_is_refused(changes):
    with pytest.raises(NotPlain):
        from_plain(Snapshot, {**GOOD, **changes})


def test_a_missing_field_is_refused_by_its_place():
    short = {key: value for key, value in GOOD.items() if key != "recent"}
    with pytest.raises(NotPlain) as refusal:
        from_plain(Snapshot, short)
    assert refusal.value.facts == {"where": "Snapshot", "odd": {"recent"}}


def test_a_text_in_a_free_field_stays_a_text():
    seen = replace(snapshot(), surveys={"x": {"reward": str(2**60), "n": 2**60, "f": 0.5}})
    assert from_plain(Snapshot, to_plain(seen)) == seen
