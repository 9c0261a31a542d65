"""A row of results is one life, whole, or it is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import pytest
from evaluated import SAMPLE
from hypothesis import given
from hypothesis import strategies as st

from world.lived import REASONS, BadRow, Lived

TEXT = st.text(max_size=20)
HOURS = st.floats(0, 1e6)
COUNT = st.integers(0, 10**9)
MICRO = st.integers(-(10**30), 10**30)


def changed(**changes):
    return json.dumps(asdict(SAMPLE) | changes)


@given(
    st.builds(
        Lived,
        **dict.fromkeys(("scenario", "policy", "genome", "cause", "head"), TEXT),
        **dict.fromkeys(("paid_h", "age_h", "horizon_h", "wall_s"), HOURS),
        **dict.fromkeys(("agent", "ticks", "records", "transactions", "idle_n", "faults"), COUNT),
        **{each.name: MICRO for each in fields(Lived) if each.name.endswith("_micro")},
        seed=st.integers(),
        reason=st.sampled_from(REASONS),
        audit_ok=st.booleans(),
    )
)
def test_a_row_is_read_as_it_was_written_and_fills_one_line(row):
    line = row.to_line()
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert Lived.from_line(line) == row
    assert Lived.from_line(line.encode()) == row


@pytest.mark.parametrize("name", [each.name for each in fields(Lived)])
def test_a_row_without_one_of_its_keys_is_refused_by_its_name(name):
    told = asdict(SAMPLE)
    del told[name]
    with pytest.raises(BadRow, match=rf"Missing keys: keys {name}$"):
        Lived.from_line(json.dumps(told))


def test_a_row_with_a_key_that_is_not_its_own_is_refused_by_its_name():
    with pytest.raises(BadRow, match=r"Unknown keys: keys luck$"):
        Lived.from_line(changed(luck=1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reason", "vanished"),
        ("reason", None),
        ("seed", "7"),
        ("seed", 7.0),
        ("seed", True),
        ("paid_h", "41.5"),
        ("paid_h", -0.5),
        ("paid_h", True),
        ("paid_h", 10**400),
        ("age_h", None),
        ("audit_ok", 1),
        ("earned_micro", 3.0),
        ("ticks", -1),
        ("policy", 3),
        ("head", ["x" * 500]),
    ],
)
def test_a_value_that_does_not_fit_its_key_is_refused_by_its_key(name, value):
    with pytest.raises(BadRow, match=f"A value does not fit its key: key {name}, ") as refused:
        Lived.from_line(changed(**{name: value}))
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "line",
    [
        *("", "{", "[]", "null", "7", "[" * 100_000, b"\xff{}"),
        *(changed(paid_h=float("nan")), changed(wall_s=float("inf"))),
        '{"seed":1,' + SAMPLE.to_line()[1:],
    ],
)
def test_what_is_no_row_is_refused(line):
    with pytest.raises(BadRow):
        Lived.from_line(line)


def test_a_whole_number_of_hours_may_be_written_without_its_point():
    row = Lived.from_line(changed(paid_h=41))
    assert row.paid_h == 41.0
    assert type(row.paid_h) is float


def test_only_a_life_that_died_is_an_event_and_the_others_say_why_not():
    told = {reason: replace(SAMPLE, reason=reason) for reason in REASONS}
    assert [row.event for row in told.values()] == [True, False, False, False]
    assert [row.censored for row in told.values()] == [None, "horizon", "halted", "lost"]


def test_a_life_cannot_end_in_a_way_nobody_knows():
    with pytest.raises(BadRow, match="key reason"):
        replace(SAMPLE, reason="vanished")
