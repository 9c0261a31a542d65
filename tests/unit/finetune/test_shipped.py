"""The shipped evolution is of the worlds and models that ship, and says what its rows say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from agent.models import FIRST, USUAL, generation_of, resolve
from compute.manifest import digest_file
from finetune.promise import load
from world.freeze import figures_digest
from world.lived import Lived
from world.reporting.figures import figures
from world.scenario import SHIPPED, load_scenario

FOLDER = Path(__file__).parents[3] / "docs/results/evolution"
REPORT = json.loads((FOLDER / "report.json").read_text("utf-8"))
PROMISES = sorted((FOLDER / "promises").glob("*.json"))
PROMOTED = [each for each in REPORT["generations"] if each["promoted"]]


def rows():
    lines = (FOLDER / "results.jsonl").read_text("utf-8").splitlines()
    return [Lived.from_line(line) for line in lines]


def test_the_last_promoted_is_what_agents_are_born_with():
    assert generation_of(USUAL) == PROMOTED[-1]["n"] > 0
    assert PROMOTED[-1]["model"] == digest_file(resolve(USUAL))


@pytest.mark.parametrize("path", PROMISES, ids=lambda path: path.stem)
def test_what_was_promised_is_what_stands_on_the_chain_and_what_ships(path):
    promise, anchored = load(path)
    assert anchored.digest == promise.digest
    assert promise.digest == "0x" + hashlib.sha256(promise.text().encode()).hexdigest()
    assert promise.heuristic == figures_digest()
    for name, digest in promise.worlds.items():
        assert load_scenario(SHIPPED / f"{name}.toml").digest == digest


def test_each_child_is_of_the_one_before_it():
    models = {each["n"]: each["model"] for each in REPORT["generations"]}
    models[0] = digest_file(resolve(FIRST))
    for number in range(1, len(REPORT["generations"])):
        promise, _ = load(FOLDER / "promises" / f"g{number}.json")
        parent = max(each["n"] for each in PROMOTED if each["n"] < number)
        assert (promise.child, promise.parent) == (models[number], models[parent])
        verdict = json.loads((FOLDER / "verdicts" / f"g{number}.json").read_text("utf-8"))
        assert verdict["child"] == models[number]
        assert verdict["promoted"] is REPORT["generations"][number]["promoted"]


def test_sealed_worlds_are_those_that_were_promised_and_every_audit_was_content():
    promise, _ = load(FOLDER / "promises" / "sealed.json")
    assert {row.seed for row in rows()} == set(promise.seeds)
    assert {row.scenario for row in rows()} == promise.worlds.keys()
    assert all(row.audit_ok for row in rows())


def test_the_report_says_what_its_rows_say():
    told = figures(rows())["together"]
    found = {each["policy"]: each["lasted"]["hours"] for each in told["policies"]}
    for each in PROMOTED:
        assert found[f"g{each['n']}"] == pytest.approx(each["rmst"])
