"""The worlds that results were had in, and the rule they were compared with, are still the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from world.freeze import FROZEN, figures_digest, present
from world.heuristic import USUAL
from world.lived import Lived
from world.scenario import SHIPPED, load_scenario

KEPT = json.loads(FROZEN.read_text("utf-8"))


def test_the_same_worlds_are_shipped_as_were_frozen():
    assert present()["scenarios"].keys() == KEPT["scenarios"].keys()


@pytest.mark.parametrize("name", KEPT["scenarios"])
def test_a_scenario_is_what_it_was_when_it_was_frozen(name):
    assert present()["scenarios"][name] == KEPT["scenarios"][name]


def test_the_heuristic_goes_by_the_figures_it_was_frozen_with():
    assert figures_digest() == KEPT["heuristic"]
    assert figures_digest(replace(USUAL, low_h=USUAL.low_h + 1)) != KEPT["heuristic"]


def test_generation_0_is_the_one_that_all_others_were_bred_from():
    assert present()["generation0"] == KEPT["generation0"]


def test_the_shipped_results_are_of_the_worlds_that_ship():
    folder = Path(__file__).parents[3] / "docs/results/baselines"
    worlds = json.loads((folder / "arena.json").read_text("utf-8"))["worlds"]
    assert len(worlds) == 8
    for name, digest in worlds.items():
        assert load_scenario(SHIPPED / f"{name}.toml").digest == digest
    rows = [Lived.from_line(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert {row.scenario for row in rows} == worlds.keys()
    assert all(row.audit_ok for row in rows)
    told = json.loads((folder / "report.json").read_text("utf-8"))
    assert told["lives"] == len(rows)
