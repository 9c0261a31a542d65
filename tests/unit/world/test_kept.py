"""What a life leaves is kept whole or not at all, and a disk that is full is told in one line."""

from __future__ import annotations

import errno
import shutil

import pytest

from world.arena import running, work
from world.arena.plan import Case
from world.arena.results import Results
from world.errors import WorldError
from world.reporting.write import write_report

FULL = OSError(errno.ENOSPC, "No space left on device")


def files(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


@pytest.fixture
def left(tmp_path):
    folder = tmp_path / "left"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)
    return folder


def test_what_is_left_takes_the_place_of_what_an_earlier_try_left(left, tmp_path):
    kept = tmp_path / "logs" / "1-passive"
    kept.mkdir(parents=True)
    (kept / "old").write_text("old")
    work._keep(left, kept)
    assert files(kept) == {"a": "a", "b": "b", "c": "c"}
    work._keep(left / "b", kept)
    assert kept.read_text() == "b"
    assert [each.name for each in kept.parent.iterdir()] == ["1-passive"]


def test_half_of_it_is_never_taken_for_all(left, tmp_path, monkeypatch):
    kept = tmp_path / "logs" / "1-passive"
    work._keep(left / "a", kept / "old")
    copy = shutil.copyfile

    def full(what, where):
        if what.name == "c":
            raise FULL
        return copy(what, where)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(WorldError, match=r"cannot be kept: place .*No space left on device"):
        work._keep(left, kept)
    assert files(kept) == {"old": "a"}
    assert [each.name for each in kept.parent.iterdir()] == ["1-passive"]


def test_a_row_that_the_disk_does_not_take_ends_the_arena_in_one_line(tmp_path, monkeypatch):
    class Engine:
        def live(self, cases, out, *, tables):
            yield from ((case, "a row\n") for case in cases)

    class Full(Results):
        def begin(self, files, cases):
            return {case.scenario: "hamlet" for case in cases}

        def add(self, line):
            raise FULL

    monkeypatch.setattr(running, "engine_of", lambda name, workers: Engine())
    monkeypatch.setattr(running, "Results", Full)
    with pytest.raises(WorldError, match=r"a row of results cannot be written: .*No space left"):
        running.run([Case("hamlet.toml", 1, "passive")], [], tmp_path / "out", quiet=True)


def test_so_does_a_report(tmp_path):
    with pytest.raises(WorldError, match=r"the report cannot be written: .*No such file"):
        write_report(tmp_path / "nowhere", [])
