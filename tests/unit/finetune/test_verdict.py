"""The gate: only a longer life is promoted, and no round counts in which something else changed."""

from __future__ import annotations

from finetune.verdict import false_promotions, judge
from tests.evaluated import one as row


def rows(policy, hours, seeds=range(24), **changes):
    return [
        row(policy=policy, seed=seed, paid_h=hours + seed % 5, age_h=hours + 10, **changes)
        for seed in seeds
    ]


def verdict(told, **changes):
    return judge(told, "g1", "g0", **{"e_value": 20.0, "least_effect": 1.0, **changes})


def test_a_child_that_lives_much_longer_is_promoted():
    found = verdict(rows("g1", 90) + rows("g0", 30))
    assert found.promoted
    assert found.e >= 20
    assert found.child_h > 2 * found.parent_h


def test_an_equal_child_is_not():
    found = verdict(rows("g1", 30) + rows("g0", 30))
    assert not found.promoted
    assert "evidence" in found.against[0]


def test_few_worlds_are_no_evidence():
    assert not verdict(rows("g1", 90, range(3)) + rows("g0", 30, range(3))).promoted


def test_a_veto_stands_against_any_evidence_and_nothing_stands_for_it():
    found = verdict(rows("g1", 90) + rows("g0", 30), vetoes=("the probe found that halts matter",))
    assert not found.promoted
    assert found.against == ("the probe found that halts matter",)


def test_lives_whose_audits_find_faults_are_not_counted_and_many_of_them_count_against_it():
    cheats = rows("g1", 90, audit_ok=False, faults=1)
    found = verdict(cheats + rows("g0", 30))
    assert not found.promoted
    assert any("faults" in why for why in found.against)


def test_a_policy_is_seldom_promoted_over_itself():
    told = [row(policy="g0", seed=s, paid_h=10 + (s * 37) % 90, age_h=200) for s in range(64)]
    assert false_promotions(told, "g0", 200, 20.0) <= 0.05
