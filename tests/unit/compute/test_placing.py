"""Children that are real, under a clock that is not."""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chain.types import Address
from compute.child import Command, adopt, start
from compute.placing import Placements, Step

TENANT = Address("0x" + "1" * 40)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path, clock):
    """Makes placements that run one shell line, and leaves nothing running."""
    made = []

    def house(line: str, ended=()) -> Placements:
        command = Command(
            argv=["/bin/sh", "-c", line],
            folder=tmp_path,
            env={"GIVEN": "yes"},
            lock=tmp_path / "lock",
            log=tmp_path / "log",
        )
        made.append(Placements({TENANT: command}, will_s=5.0, clock=clock, ended=ended))
        return made[-1]

    yield house
    for placements in made:
        placements.want(())
        placements.tend()
        clock.now += 100
        until(placements, lambda placements=placements: placements.idle)


def until(placements: Placements, reached) -> None:
    limit = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < limit
        placements.tend()
        time.sleep(0.01)


def pid_in(path: Path) -> int:
    limit = time.monotonic() + 10
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < limit
        time.sleep(0.01)
    return int(path.read_text())


def lives(pid: int) -> bool:
    """A zombie that no init has reaped yet is dead."""
    said = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(said.stdout.strip()) and not said.stdout.startswith("Z")


def test_an_agent_runs_while_its_tenant_has_a_lease(house, tmp_path):
    placements = house("exec sleep 60")
    placements.tend()
    assert placements.step(TENANT) is Step.IDLE
    placements.want([TENANT])
    placements.tend()
    pid = pid_in(tmp_path / "lock")
    assert lives(pid)
    placements.want([])
    until(placements, lambda: placements.step(TENANT) is Step.IDLE)
    assert not lives(pid)


def test_eviction_asks_first_and_kills_after_the_time_for_a_will(house, clock, tmp_path):
    placements = house("trap 'echo asked >> asked' TERM; touch up; while :; do sleep 0.05; done")
    placements.want([TENANT])
    until(placements, (tmp_path / "up").exists)
    placements.want([])
    placements.tend()
    until(placements, (tmp_path / "asked").exists)
    clock.now += 4.9
    placements.tend()
    assert placements.step(TENANT) is Step.LEAVING
    clock.now += 0.2
    until(placements, lambda: placements.step(TENANT) is Step.IDLE)
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_an_agent_that_ends_itself_stays_ended(house, clock):
    placements = house("exit 0")
    placements.want([TENANT])
    until(placements, lambda: placements.step(TENANT) is Step.ENDED)
    assert placements.ended == {TENANT}
    clock.now += 10_000
    placements.tend()
    assert placements.idle
    again = house("exit 0", ended=placements.ended)
    again.want([TENANT])
    again.tend()
    assert again.step(TENANT) is Step.ENDED
    assert again.idle


def test_an_agent_that_crashes_is_started_again_but_not_at_once(house, clock, tmp_path):
    placements = house("echo ran >> runs; exit 3")
    runs = tmp_path / "runs"
    placements.want([TENANT])
    until(placements, lambda: runs.exists() and placements.step(TENANT) is Step.IDLE)
    placements.tend()
    assert runs.read_text().count("ran") == 1
    clock.now += 1.1
    until(placements, lambda: runs.read_text().count("ran") == 2)


def test_a_new_lease_goes_on_with_the_same_placement(house, tmp_path):
    placements = house("echo ran >> runs; exec sleep 60")
    for times in (1, 2):
        placements.want([TENANT])
        until(placements, lambda times=times: _count(tmp_path / "runs") == times)
        placements.want([])
        until(placements, lambda: placements.step(TENANT) is Step.IDLE)


def _count(runs: Path) -> int:
    return runs.read_text().count("ran") if runs.exists() else 0


def test_a_provider_that_returns_finds_its_agent_and_starts_no_second_one(house, clock, tmp_path):
    first = house("echo ran >> runs; exec sleep 60")
    first.want([TENANT])
    first.tend()
    pid = pid_in(tmp_path / "lock")
    second = house("echo ran >> runs; exec sleep 60")
    assert second.step(TENANT) is Step.RUNNING
    second.want([TENANT])
    second.tend()
    until(first, lambda: _count(tmp_path / "runs") > 0)
    assert (tmp_path / "runs").read_text() == "ran\n"
    second.want([])
    second.tend()
    until(first, lambda: not lives(pid))
    until(second, lambda: second.step(TENANT) is Step.IDLE)


def test_of_ten_providers_that_start_one_agent_exactly_one_does(tmp_path):
    command = Command(
        argv=["/bin/sh", "-c", "echo ran >> runs; exec sleep 60"],
        folder=tmp_path,
        env={},
        lock=tmp_path / "lock",
        log=tmp_path / "log",
    )
    with ThreadPoolExecutor(10) as pool:
        children = [child for child in pool.map(start, [command] * 10) if child]
    pid = pid_in(tmp_path / "lock")
    limit = time.monotonic() + 10
    while not (tmp_path / "runs").exists():
        assert time.monotonic() < limit
        time.sleep(0.01)
    time.sleep(0.2)
    try:
        assert (tmp_path / "runs").read_text() == "ran\n"
        assert {child.pid for child in children} == {pid}
    finally:
        for child in children:
            child.kill()
        for child in children:
            while child.exit_code() is None:
                time.sleep(0.01)


def test_what_a_dead_agent_leaves_behind_is_ended_too(house, tmp_path):
    placements = house("sleep 60 & echo $! > left; exit 0")
    placements.want([TENANT])
    until(placements, lambda: placements.step(TENANT) is Step.ENDED)
    left = pid_in(tmp_path / "left")
    limit = time.monotonic() + 5
    while lives(left):
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_an_agent_gets_no_variable_that_was_not_meant_for_it(house, tmp_path, monkeypatch):
    monkeypatch.setenv("PROVIDER_SECRET", "canary")
    placements = house("env > seen; exit 0")
    placements.want([TENANT])
    until(placements, lambda: placements.step(TENANT) is Step.ENDED)
    seen = (tmp_path / "seen").read_text()
    assert "GIVEN=yes" in seen
    assert "canary" not in seen


def test_a_lock_that_nobody_holds_is_nobodys_child(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text(f"{os.getpid()}\n")
    assert adopt(lock) is None
