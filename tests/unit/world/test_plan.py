"""What an arena can be asked for, and how it says that it cannot."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from world.arena.plan import MOST_SEEDS, Policy, cases, fitting, policies, scenarios, seeds
from world.baselines import RULES
from world.errors import WorldError
from world.scenario import SHIPPED


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("3", [3]),
        ("1-4", [1, 2, 3, 4]),
        ("1-3,9", [1, 2, 3, 9]),
        (" 2 , 1 ", [2, 1]),
        ("5-5", [5]),
        ("1-3,2-4", [1, 2, 3, 4]),
        ("0", [0]),
    ],
)
def test_seeds_are_ranges_and_single_ones_each_once(said, meant):
    assert seeds(said) == meant


@pytest.mark.parametrize(
    "said",
    ["", "1,,2", "a", "1-", "-3", "3-1", "1-2-3", "1.5", "1–4", "٣", "1" * 5000, "1-8,9-2"],
)
def test_what_are_no_seeds_is_refused(said):
    with pytest.raises(WorldError, match="seeds are like"):
        seeds(said)


@pytest.mark.parametrize("said", [f"1-{10**15 - 1}", f"1-{MOST_SEEDS},0", "0-99999,100000"])
def test_more_seeds_than_anybody_lives_are_refused_before_they_are_counted(said):
    with pytest.raises(WorldError, match="so many seeds"):
        seeds(said)
    assert len(seeds(f"1-{MOST_SEEDS}")) == MOST_SEEDS


def test_a_policy_is_a_rule_a_rule_that_does_without_or_a_model():
    assert policies("passive, reflex-trader-saver ,mine=a/b.gguf") == (
        Policy("passive"),
        Policy("reflex-trader-saver", "", ("trader", "saver")),
        Policy("mine", "a/b.gguf"),
    )
    assert policies("mine-keeper=m.gguf")[0].without == ("keeper",)
    assert [policy.rule for policy in policies("random-keeper,passive")] == ["random", "passive"]


def test_a_rule_may_choose_while_a_model_reads():
    asked = policies("reader=reflex+a/b.gguf,reader-keeper=reflex+a/b.gguf,mine=a+b.gguf")
    assert asked == (
        Policy("reader", "a/b.gguf", chooses="reflex"),
        Policy("reader-keeper", "a/b.gguf", ("keeper",), chooses="reflex"),
        Policy("mine", "a+b.gguf"),
    )
    assert [policy.rule for policy in asked] == ["reflex", "reflex", "mine"]
    [case, *_] = cases([Path("a.toml")], asked, [1], 0.0)
    assert (case.policy, case.model, case.chooses) == ("reader", "a/b.gguf", "reflex")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "name at least one"),
        (",", "name at least one"),
        ("greedy", "policies are"),
        ("mine=", "policies are"),
        ("=model.gguf", "policies are"),
        ("reader=reflex+", "policies are"),
        ("reflex=heuristic+model.gguf", "policies are"),
        ("../../mine=model.gguf", "policies are"),
        (".mine=model.gguf", "policies are"),
        ("my mind=model.gguf", "policies are"),
        ("a" * 62 + "=model.gguf", "policies are"),
        ("reflex,reflex", "named twice"),
        ("a=1.gguf,a=2.gguf", "named twice"),
    ],
)
def test_what_is_no_policy_is_refused(said, why):
    with pytest.raises(WorldError, match=why):
        policies(said)


@pytest.mark.parametrize("rule", RULES)
def test_no_model_goes_by_the_name_of_a_rule(rule):
    """Results know a policy by its name alone."""
    for name in (rule, f"{rule}-keeper"):
        with pytest.raises(WorldError, match="policies are"):
            policies(f"{name}=model.gguf")


def test_whoever_does_without_what_nobody_has_was_misspelt():
    chosen = policies("reflex,reflex-saver")
    assert fitting(chosen, {"thrift", "saver"}) == chosen
    with pytest.raises(WorldError, match="strategy saver"):
        fitting(chosen, {"thrift", "keeper"})


def test_scenarios_are_files_or_names_and_by_default_all_but_the_demo():
    everything = scenarios([])
    assert {path.stem for path in everything} == {p.stem for p in SHIPPED.glob("*.toml")} - {"demo"}
    assert everything == sorted(everything)
    mine = Path("elsewhere/tides.toml")
    assert scenarios([Path("tides"), mine, Path("demo")]) == [
        SHIPPED / "tides.toml",
        mine,
        SHIPPED / "demo.toml",
    ]


def test_worlds_come_one_after_the_other_with_every_policy_in_each():
    files, chosen = [Path("a.toml"), Path("b.toml")], policies("passive,reflex-keeper")
    asked = list(cases(files, chosen, [7, 8], 0.1))
    assert [(case.seed, case.world, case.policy) for case in islice(asked, 5)] == [
        (7, "a", "passive"),
        (7, "a", "reflex-keeper"),
        (7, "b", "passive"),
        (7, "b", "reflex-keeper"),
        (8, "a", "passive"),
    ]
    assert len(set(asked)) == len(asked) == 8
    assert asked[1].without == ("keeper",)
    assert {case.epsilon for case in asked} == {0.1}
