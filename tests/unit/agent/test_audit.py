"""`forager audit` writes its page whole, where it was asked to, or not at all."""

from __future__ import annotations

import json
import sys

import pytest
from lives import whole_life

from agent import cli


@pytest.fixture
def audit(monkeypatch, capsys):
    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forager", "audit", *map(str, args)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    return run


def test_a_page_is_written_beside_the_verdict(audit, tmp_path):
    folder, file = whole_life().write(tmp_path / "cars"), tmp_path / "life.html"
    code, out, err = audit(folder, "--html", file, "--json", "--replay")
    assert code == 0
    assert json.loads(out)["replay"] == {"decisions": 0, "sampled": 2, "largest": 0.0}
    assert err == f"page      {file}\n"
    text = file.read_text("utf-8")
    assert "This log holds in itself" in text
    assert "0 of 2 sampled decisions run again" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cars", "life.html"]


def test_a_page_is_written_of_a_log_that_does_not_hold(audit, tmp_path):
    teller, file = whole_life(), tmp_path / "life.html"
    del teller.epochs[1]
    file.write_text("an older one")
    code, out, _ = audit(teller.write(tmp_path / "cars"), "--html", file)
    assert code == 1
    assert "FAILED" in out
    assert "This log does not hold" in file.read_text("utf-8")


@pytest.mark.parametrize("place", [".", "nowhere/life.html", "/dev/full"])
def test_a_page_replaces_nothing_but_files(audit, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    code, out, err = audit(whole_life().write(tmp_path / "cars"), "--html", place)
    assert (code, out) == (2, "")
    assert "cannot be written; name a new file in a folder that exists" in err
