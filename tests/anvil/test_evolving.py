"""A whole round of evolution, small: lives, a lesson, a promise, a verdict, sealed worlds.

Nobody gets better by so little; what is tested is that every step is real and can be gone on with.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("torch")

from hamlets import hamlet

from agent.models import resolve
from finetune.critic import CriticCourse
from finetune.errors import NoPromise
from finetune.evolving import evolve
from finetune.gate import PROMISE, VERDICT
from finetune.notary import notary
from finetune.plan import Plan
from finetune.promise import load
from finetune.sealed import RULES
from finetune.teach import Improving
from finetune.training import MODEL, Course
from finetune.verifying import verify
from world.arena.results import Results

pytestmark = [pytest.mark.anvil, pytest.mark.model]

COURSE = Course(
    critic=CriticCourse(members=2, width=16, steps=40, batch=64),
    policy=Improving(moments=1280, batch=32),  # less would be lost in the rounding of a file
    trial=False,
)


FIRST_MODEL = resolve("builtin:g0")


def planned(path, **changes):
    plan = Plan(
        files=(path,),
        rounds=1,
        learn_seeds=2,
        judge_seeds=4,
        anchor_seeds=1,
        veto_seeds=2,
        probe_seeds=1,
        sealed_seeds=2,
        course=COURSE,
        controls=False,
    )
    return replace(plan, **changes)


def run(root, plan):
    said: list[str] = []
    line = evolve(root, FIRST_MODEL, plan, partial(notary, root / "notary"), said.append)
    return line, said


@pytest.fixture(scope="module")
def evolved(tmp_path_factory):
    root = tmp_path_factory.mktemp("evolution")
    path = hamlet(root)
    line, said = run(root / "out", planned(path))
    return root / "out", path, line, said


def test_every_step_leaves_what_the_next_one_stands_on(evolved):
    root, _, line, said = evolved
    names = {row.policy for row in Results(root / "learning-1").rows()}
    assert names == {"g0", "random", "heuristic"}
    assert all(row.audit_ok for row in Results(root / "learning-1").rows())
    manifest = json.loads((root / "generation-1" / "manifest.json").read_text())
    assert manifest["figures"]["parity"]["tv"] <= 0.02
    verdict = json.loads((root / "gate-1" / VERDICT).read_text())
    assert verdict["child"] == manifest["figures"]["model"]
    assert verdict["promoted"] is (len(line) == 2)
    assert any("promised on chain" in each for each in said)


def test_the_report_says_what_was_lived(evolved):
    root, _, line, _ = evolved
    told = json.loads((root / "report.json").read_text())
    first = told["generations"][0]
    mine = [row for row in Results(root / "sealed" / "lived").rows() if row.policy == "g0"]
    assert len(mine) == 2
    lasted = sum(min(row.paid_h, row.horizon_h) for row in mine) / 2
    assert first["rmst"] == pytest.approx(lasted, rel=0.02)
    assert [each["promoted"] for each in told["generations"]] == [True, len(line) == 2]
    assert told["halts"]["injected"] == told["halts"]["obeyed"]
    assert told["halts"]["apart"] == 0.0
    assert told["cost"]["lives"] == sum(
        len(Results(path.parent).rows()) for path in root.rglob("results.jsonl")
    )
    assert len(told["promises"]) == 2
    assert {point["policy"] for point in report_of(root)["backtest"]["points"]} >= set(RULES)
    page = (root / "report.html").read_text()
    assert "Generation after generation" in page
    assert told["promises"][0]["digest"][:12] in page


def report_of(root: Path):
    return json.loads((root / "sealed" / "lived" / "report.json").read_text())


def test_asked_again_it_finds_everything_done(evolved):
    root, path, line, _ = evolved
    before = {each: each.read_bytes() for each in root.rglob("results.jsonl")}
    model = (root / "generation-1" / MODEL).read_bytes()
    again, _ = run(root, planned(path))
    assert again == line
    assert (root / "generation-1" / MODEL).read_bytes() == model
    assert {each: each.read_bytes() for each in root.rglob("results.jsonl")} == before


def copied(evolved, tmp_path):
    """To be changed by one test alone."""
    shutil.copytree(evolved[0], tmp_path / "out")
    return tmp_path / "out"


def test_another_question_than_was_promised_is_refused(evolved, tmp_path):
    root, path = copied(evolved, tmp_path), evolved[1]
    (root / "gate-1" / VERDICT).unlink()
    with pytest.raises(NoPromise, match="differs seeds"):
        run(root, planned(path, judge_seeds=8))


def test_a_promise_that_no_chain_knows_is_none(evolved, tmp_path):
    root, path = copied(evolved, tmp_path), evolved[1]
    (root / "gate-1" / VERDICT).unlink(missing_ok=True)
    told = json.loads((root / "gate-1" / PROMISE).read_text())
    told["anchored"]["transaction"] = "0x" + "ab" * 32
    (root / "gate-1" / PROMISE).write_text(json.dumps(told), "utf-8")
    assert load(root / "gate-1" / PROMISE)
    with pytest.raises(NoPromise, match="does not know"):
        run(root, planned(path))


def test_a_stranger_can_follow_every_step_back(evolved, tmp_path):
    root = copied(evolved, tmp_path)
    steps = list(verify(root, FIRST_MODEL, partial(notary, root / "notary"), 1, lambda _: None))
    assert not [step for step in steps if step.wrong]
    names = [step.what for step in steps]
    assert {"dataset-1", "generation-1", "promise of sealed", "lives of sealed"} <= set(names)
    assert names[-1] == "report"
    assert "1 chose again as they did" in steps[names.index("lives of sealed")].found


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda root: _swap(root / "generation-1" / MODEL, b"GGUF", b"GGUG"), "generation-1"),
        (lambda root: _swap(root / "report.json", b'"lives": ', b'"lives": 1'), "report"),
        (lambda root: _swap(root / "sealed" / PROMISE, b"longer", b"better"), "promise of sealed"),
        (lambda root: _promote(root / "gate-1"), "verdict of gate-1"),
        (lambda root: _promote(root / "gate-1", unlived=True), "verdict of gate-1"),
        (
            lambda root: _swap(root / "gate-1" / VERDICT, b'"worlds": ', b'"worlds": 9'),
            "verdict of gate-1",
        ),
        (lambda root: _other_worlds(root / "sealed" / "lived"), "lives of sealed"),
        (lambda root: (root / "sealed" / "began").write_text("1.0"), "promise of sealed"),
        (lambda root: (root / "notary" / "state.json").unlink(), "promise of sealed"),
        (lambda root: _shorten(root / "sealed" / "lived", 2.0), "report"),
        (lambda root: _shorten(root / "sealed" / "lived", 9.0), "lives of sealed"),
        (lambda root: _date(root / "sealed" / PROMISE), "lives of sealed"),
        (lambda root: shutil.rmtree(_first_log(root)), "lives of sealed"),
        (lambda root: _swap(_first_car(root), b"keeper", b"kipper"), "lives of sealed"),
    ],
)
def test_whatever_was_changed_afterwards_is_noticed(evolved, tmp_path, change, where):
    root = copied(evolved, tmp_path)
    change(root)
    steps = list(verify(root, FIRST_MODEL, partial(notary, root / "notary"), 0, lambda _: None))
    assert where in [step.what for step in steps if step.wrong]


def _promote(gate, *, unlived=False):
    """The verdict is told to be the other one."""
    told = json.loads((gate / VERDICT).read_text())
    (gate / VERDICT).write_text(json.dumps({**told, "promoted": unlived or not told["promoted"]}))
    if unlived:
        shutil.rmtree(gate / "judged")


def _other_worlds(lived):
    told = json.loads((lived / "arena.json").read_text())
    told["worlds"] = dict.fromkeys(told["worlds"], "0x" + "ab" * 32)
    (lived / "arena.json").write_text(json.dumps(told))


def _swap(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def _date(path):
    """The promise is told to have been made in the far future."""
    told = json.loads(path.read_text())
    told["anchored"]["at"] += 10**9
    path.write_text(json.dumps(told))


def _shorten(lived, hours):
    """One life is told to have been shorter."""
    rows = (lived / "results.jsonl").read_text().splitlines()
    told = [json.loads(row) for row in rows]
    mine = next(row for row in told if row["policy"] == "g0")
    mine["paid_h"] -= hours
    (lived / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))


def _first_log(root):
    return next(path for path in sorted((root / "sealed" / "lived" / "logs").glob("*/*-g0")))


def _first_car(root):
    return next(iter(sorted(_first_log(root).iterdir())))
