"""What the demo refuses, it refuses in one line and before anything is started."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from world.demo import _fresh


def demo(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", "agent", "demo", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--seconds", "0"),
        ("--seconds", "nan"),
        ("--seconds", "inf"),
        ("--seconds", "1e12"),
        ("--home", "a-file"),
        ("--home", "a-file/below"),
        ("--home", "full"),
        ("--scenario", "nowhere"),
    ],
)
def test_a_demo_that_cannot_be_is_refused_in_one_line(tmp_path, arguments):
    (tmp_path / "a-file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    done = demo(*arguments, "--json", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("forager: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "forager-demo").exists()


def test_demos_that_begin_together_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forager-demo" / "2").mkdir(parents=True)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: _fresh(None), range(40)))
    assert len(set(made)) == 40
    assert tmp_path / "forager-demo" / "2" not in made
