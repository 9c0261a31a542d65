"""Where lives are lived: what an engine does with cases that fail, and with processes that die."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType

import pytest

from world.arena import engines, workers
from world.arena.engines import TRIES, Local, Ray, engine
from world.arena.plan import Case
from world.errors import CannotWork, WorldError

CASES = [Case("hamlet.toml", seed, "passive") for seed in range(6)]


def told(lives):
    return sorted(((case.seed, said) for case, said in lives), key=lambda each: each[0])


# In processes: what stands in for a life must be found by its name in the child


def fine(case, out, *, tables):
    return f"{out} {case.seed} {tables}"


def failing(case, out, *, tables):
    if case.seed == 3:
        with Path(out, "tries").open("a") as file:
            file.write("x")
        raise ValueError("three")
    return "fine"


def dying(case, out, *, tables):
    """One life takes its process with it, once."""
    if case.seed == 3 and not Path(out, "died").exists():
        Path(out, "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return "fine"


def dying_always(case, out, *, tables):
    if case.seed == 3:
        Path(out, f"died {time.monotonic_ns()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return "fine"


def slow(case, out, *, tables):
    Path(out, str(os.getpid())).touch()
    time.sleep(0.1 if case.seed == CASES[0].seed else 60)
    return "fine"


def stumbling():
    raise OSError("no room for a process")


@pytest.fixture
def local(monkeypatch):
    """Forked from here and now, so that a stand-in is there too."""
    import multiprocessing

    here = multiprocessing.get_context("fork")
    monkeypatch.setattr(here, "set_forkserver_preload", lambda names: None, raising=False)
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: here)
    monkeypatch.setattr(workers, "LIVES_A_PROCESS", None)

    def made(live, number=2):
        monkeypatch.setattr(workers, "live_case", live)
        return Local(number)

    return made


def test_every_case_comes_back_once_with_its_row(local):
    lives = told(local(fine).live(CASES, "out", tables=True))
    assert lives == [(case.seed, f"out {case.seed} True") for case in CASES]


def test_a_case_that_fails_is_tried_again_and_then_told_and_stops_nobody(local, tmp_path):
    lives = dict(told(local(failing).live(CASES, str(tmp_path), tables=False)))
    assert isinstance(lives.pop(3), ValueError)
    assert set(lives.values()) == {"fine"}
    assert len(lives) == len(CASES) - 1
    assert (tmp_path / "tries").read_text() == "x" * TRIES


def test_a_process_that_dies_takes_nothing_with_it(local, tmp_path):
    lives = told(local(dying).live(CASES, str(tmp_path), tables=False))
    assert lives == [(case.seed, "fine") for case in CASES]


def test_one_that_kills_its_process_every_time_is_told_at_last_and_no_other_pays(local, tmp_path):
    lives = dict(told(local(dying_always).live(CASES, str(tmp_path), tables=False)))
    assert isinstance(lives.pop(3), BrokenProcessPool)
    assert len(list(tmp_path.glob("died *"))) == TRIES
    assert lives == {case.seed: "fine" for case in CASES if case.seed != 3}


def test_workers_that_cannot_start_are_told_of_once_and_at_once(local, monkeypatch):
    monkeypatch.setattr(workers, "_quiet", stumbling)
    began = time.monotonic()
    many = [Case("hamlet.toml", seed, "passive") for seed in range(1000)]
    with pytest.raises(CannotWork, match="A worker of the arena ends before it has lived anything"):
        list(local(fine).live(many, "out", tables=False))
    assert time.monotonic() - began < 10


def test_whoever_stops_waiting_leaves_no_process_behind(local, tmp_path):
    lives = local(slow).live(CASES, str(tmp_path), tables=False)
    assert next(lives)[1] == "fine"
    pids = [int(path.name) for path in tmp_path.iterdir()]
    lives.close()
    assert pids
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_with_nothing_to_live_nothing_is_started(local):
    assert list(local(fine).live([], "out", tables=False)) == []


# On Ray, of which a few lines stand in here


class TinyRay(ModuleType):
    """Runs a task when its result is asked for; fails the ones it is told to."""

    def __init__(self, failing=()):
        super().__init__("ray")
        self.failing = set(failing)
        self.begun = None
        self.options = None
        self.most = self.running = 0

    def is_initialized(self):
        return self.begun is not None

    def init(self, **options):
        self.begun = options

    def remote(self, **options):
        self.options = options

        def made(function):
            def start(*args, **named):
                self.running += 1
                self.most = max(self.most, self.running)
                return len, (lambda: function(*args, **named)), args[0].seed

            made.remote = start
            return made

        return made

    def wait(self, tasks, *, num_returns):
        assert num_returns == 1
        return [tasks[-1]], tasks[:-1]

    def get(self, task):
        self.running -= 1
        _, run, seed = task
        if seed in self.failing:
            raise RuntimeError("the node is gone")
        return run()


def test_on_ray_the_same_lives_are_tasks_and_a_task_that_fails_is_told(monkeypatch):
    tiny = TinyRay(failing=[2])
    monkeypatch.setitem(sys.modules, "ray", tiny)
    monkeypatch.setattr(engines, "live_case", fine)
    lives = dict(told(engine("ray", 2).live(CASES, "out", tables=False)))
    assert isinstance(lives.pop(2), RuntimeError)
    assert lives == {case.seed: f"out {case.seed} False" for case in CASES if case.seed != 2}
    assert tiny.options == {
        "num_cpus": 1,
        "max_retries": TRIES - 1,
        "retry_exceptions": True,
    }
    assert tiny.most == 4  # no more are queued than keep the workers busy


def test_a_cluster_that_is_there_already_is_used(monkeypatch):
    tiny = TinyRay()
    tiny.begun = {"address": "theirs"}
    monkeypatch.setitem(sys.modules, "ray", tiny)
    monkeypatch.setattr(engines, "live_case", fine)
    assert len(list(Ray(1).live(CASES, "out", tables=False))) == len(CASES)
    assert tiny.begun == {"address": "theirs"}


def test_without_ray_one_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorldError, match="Ray is not installed"):
        engine("ray", 2)


def test_by_default_lives_are_lived_here():
    assert isinstance(engine("local", 2), Local)
