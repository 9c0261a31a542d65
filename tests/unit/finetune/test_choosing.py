"""Which lives may teach: only those that their chain vouches for, none twice, no one's flood."""

from __future__ import annotations

import pytest

from finetune.choosing import choose


def life(name, **changes):
    plain = {
        "life": name,
        "verified": "chain",
        "outcome": "died",
        "paid_s": 36_000,
        "first_micro": 10_000_000,
        "gift_micro": 0,
        "operator": "0xa",
    }
    return {**plain, **changes}


def account(**changes):
    return {"sound": True, "hours": 10.2, "income": 5e6, "print": object(), **changes}


def chosen(rows, accounts=None):
    accounts = accounts or {row["life"]: account() for row in rows}
    return choose(rows, accounts)


def test_a_plain_life_teaches():
    assert chosen([life("1")]).lives == ("1",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"verified": "internal"}, "not verified"),
        ({"outcome": None}, "not ended"),
        ({"paid_s": 360_000}, "fitness"),
        ({"paid_s": None}, "fitness"),
        ({"gift_micro": 600_000}, "gifts"),
    ],
)
def test_a_life_that_cannot_be_believed_is_left_out_with_its_reason(change, why):
    found = chosen([life("1"), life("2", **change)])
    assert found.lives == ("1",)
    assert why in found.left_out["2"]


def test_halts_and_horizons_teach_like_all_others():
    rows = [life("1", outcome="halted"), life("2", outcome="horizon")]
    assert chosen(rows).lives == ("1", "2")


def test_a_life_whose_decisions_are_not_all_there_is_left_out():
    rows = [life("1"), life("2")]
    found = choose(rows, {"1": account(), "2": account(sound=False)})
    assert found.lives == ("1",)
    assert choose(rows, {"1": account()}).lives == ("1",)


def test_the_same_life_is_told_once():
    rows = [life("1"), life("2")]
    found = choose(rows, {name: account(print="same") for name in ("1", "2")})
    assert found.lives == ("1",)
    assert found.left_out == {"2": "the same life as 1"}


def test_no_operator_floods_the_others():
    rows = [life(f"a{n}") for n in range(50)] + [life(f"b{n}", operator="0xb") for n in range(5)]
    found = chosen(rows)
    assert sum(name.startswith("b") for name in found.lives) == 5
    assert sum(name.startswith("a") for name in found.lives) == 5
    assert chosen(list(reversed(rows))).lives == found.lives


def test_one_operator_alone_is_no_flood():
    assert len(chosen([life(f"a{n}") for n in range(50)]).lives) == 50


def test_a_life_that_earned_out_of_all_proportion_is_not_believed():
    rows = [life(str(n)) for n in range(20)]
    accounts = {str(n): account(income=5e6 + 1e5 * n) for n in range(20)}
    accounts["7"] = account(income=5e9)
    found = choose(rows, accounts)
    assert found.left_out == {"7": "it earned out of all proportion"}
