"""However training is launched, one process writes, and what it writes is the same child."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lessons
import pytest
import torch

from finetune.critic import CriticCourse
from finetune.engines import Task, launch
from finetune.errors import BadBase, BadLaunch
from finetune.export import export, restore
from finetune.policy import Policy, Shape
from finetune.raising import MODEL
from finetune.stage import MANIFEST
from finetune.teach import Improving
from finetune.training import CARD, Course

pytestmark = pytest.mark.timeout(900)  # several processes, each of which imports torch
ROOT = Path(__file__).parents[2]
COURSE = Course(
    critic=CriticCourse(members=2, width=16, steps=20, batch=64),
    policy=Improving(moments=105, batch=21, warmup=1, matrix_lr=0.02),
    trial=False,
)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    here = tmp_path_factory.mktemp("task")
    torch.manual_seed(2)
    policy = Policy(Shape())
    with torch.no_grad():
        policy.norm.weight.mul_(4)  # somebody of firm opinions, which no rounding turns
        for layer in policy.layers:
            layer.out.weight.mul_(0.1)
            layer.down.weight.mul_(0.1)
    export(policy, here / "parent.gguf", "parent")
    data = lessons.dataset(here / "data")
    return Task(data, here / "parent.gguf", here / "child", COURSE, quiet=True)


@pytest.fixture(scope="module")
def alone(task):
    return launch("local", task)


def of(task, folder):
    """The same task, with another place for its child."""
    return replace(task, out=folder / "child")


def same_child(task, other):
    first, second = (restore(each.out / MODEL).state_dict() for each in (task, other))
    return all(torch.allclose(first[name], second[name], atol=2e-3) for name in first)


def holds(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_torchrun_makes_the_child_that_one_process_makes(tmp_path, task, alone):
    asked = of(task, tmp_path)
    figures = launch("torchrun:2", asked)
    assert (figures["processes"], alone["processes"]) == (2, 1)
    assert figures["transitions"] == alone["transitions"] == 300
    assert same_child(task, asked)
    assert holds(tmp_path) == ["child"]
    assert holds(asked.out) == sorted([MODEL, CARD, MANIFEST])
    written = (asked.out / MANIFEST).stat().st_mtime_ns
    assert launch("torchrun:2", asked) == figures  # the others wait for nothing
    assert (asked.out / MANIFEST).stat().st_mtime_ns == written


@pytest.mark.slow
def test_whoever_reads_other_files_is_refused(tmp_path, task):
    asked = of(task, tmp_path)
    code = (
        "import os, pickle\n"
        "from dataclasses import replace\n"
        "from finetune.engines import run\n"
        f"task = pickle.loads({pickle.dumps(asked)!r})\n"
        "other = task.parent.with_name('other.gguf')\n"
        "run(replace(task, parent=other) if os.environ['RANK'] == '1' else task)\n"
    )
    other = Path(asked.parent).with_name("other.gguf")
    other.write_bytes(asked.parent.read_bytes() + b"\0")
    (tmp_path / "errand.py").write_text(code)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(tmp_path / "errand.py")]
    here = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run(
        command, check=False, env=here, capture_output=True, text=True, timeout=200
    )
    assert done.returncode != 0
    assert "another process reads other files" in done.stderr
    assert not asked.out.exists()


def someone_elses(folder):
    """A place for a child that holds something else."""
    folder.joinpath("child").mkdir(parents=True)
    folder.joinpath("child", "diary.txt").write_text("mine")
    return folder


@pytest.mark.slow
def test_what_is_refused_in_a_launched_process_is_one_line_here(tmp_path, task, capfd):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(BadLaunch, match="a process failed"):
        launch("torchrun:2", of(task, someone_elses(tmp_path)))
    assert signal.getsignal(signal.SIGTERM) == before
    assert capfd.readouterr().err.count("the folder holds something without a manifest") == 1
    assert holds(tmp_path / "child") == ["diary.txt"]


@pytest.mark.parametrize("engine", ["slurm", "", "torchrun:0", "torchrun:two", "local:2"])
def test_an_engine_that_is_not_there_is_refused(task, engine):
    with pytest.raises(BadLaunch):
        launch(engine, task)


def test_a_launched_process_launches_nobody(task, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(BadLaunch, match="launched already"):
        launch("torchrun:2", task)


@pytest.mark.parametrize("engine", ["local", "torchrun:2", "ray:2"])
def test_a_parent_that_is_nothing_is_refused_before_anything_is_started(tmp_path, task, engine):
    with pytest.raises(BadBase):
        launch(engine, replace(of(task, tmp_path), parent=tmp_path / "nobody.gguf"))
    assert not (tmp_path / "child").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray's own, of its own
def test_ray_makes_the_child_that_one_process_makes(tmp_path, task, alone):
    pytest.importorskip("ray")
    asked = of(task, tmp_path)
    assert launch("ray:2", asked)["processes"] == 2
    assert same_child(task, asked)
    assert holds(asked.out) == sorted([MODEL, CARD, MANIFEST])
    with pytest.raises(BadLaunch, match="a process failed"):
        launch("ray:2", of(task, someone_elses(tmp_path / "other")))
    assert holds(tmp_path / "other" / "child") == ["diary.txt"]
