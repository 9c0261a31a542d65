"""What goes wrong at the worker's command line is one line, and exit code 2."""

from __future__ import annotations

import sys

import pytest

from agent.models import FIRST, resolve
from chain import keystore
from finetune import cli
from finetune.errors import BadStage

G0 = str(resolve(FIRST))


def said(monkeypatch, capsys, *asked):
    monkeypatch.setattr(sys, "argv", ["forager-finetune", *map(str, asked)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    told = capsys.readouterr().err
    assert left.value.code == 2
    assert "Traceback" not in told
    return told


def test_no_tables(tmp_path, monkeypatch, capsys):
    told = said(monkeypatch, capsys, "dataset", tmp_path / "none", "--out", tmp_path / "out")
    assert "no exported tables" in told
    assert not (tmp_path / "out").exists()


def test_no_model(tmp_path, monkeypatch, capsys):
    told = said(monkeypatch, capsys, "run", "--out", tmp_path, "--parent", tmp_path / "none.gguf")
    assert "there is no such model" in told


def test_a_gate_without_a_promise(tmp_path, monkeypatch, capsys):
    told = said(monkeypatch, capsys, "gate", G0, G0, "--out", tmp_path, "--scenario", "mirage")
    assert "promised" in told
    assert "--register" in told


def test_a_chain_that_does_not_answer_keeps_no_promise(tmp_path, monkeypatch, capsys):
    (tmp_path / "secret").write_text("secret\n")
    keystore.make(tmp_path / "key.json", b"secret")
    key = ("--keystore", tmp_path / "key.json", "--passphrase-file", tmp_path / "secret")
    asked = ("gate", G0, G0, "--register", "--out", tmp_path / "gate", "--scenario", "mirage")
    told = said(monkeypatch, capsys, *asked, "--rpc", "http://127.0.0.1:9", *key)
    assert "endpoint" in told
    assert not (tmp_path / "gate" / "promise.json").exists()


def test_a_chain_needs_a_key(tmp_path, monkeypatch, capsys):
    told = said(
        monkeypatch, capsys, "gate", G0, G0, "--out", tmp_path, "--rpc", "http://127.0.0.1:9"
    )
    assert "name a keystore" in told


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(13, "Permission denied", "/there"), "/there: Permission denied"),
        (BadStage(folder="here"), "here"),
    ],
)
def test_a_disk_that_fails(tmp_path, monkeypatch, capsys, fault, words):
    def fails(*_):
        raise fault

    monkeypatch.setattr("finetune.dataset.dataset", fails)
    assert words in said(monkeypatch, capsys, "dataset", tmp_path, "--out", tmp_path / "out")
