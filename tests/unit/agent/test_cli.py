from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agent import cli
from agent.commands import said
from telemetry.errors import SourceError

ROOT = Path(__file__).parents[3]
ADDED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
INIT = (
    *("init", "--home", "{tmp}/h", "--deployment", "{tmp}/d", "--passphrase-file", "{tmp}/p"),
    "--operator",
)
COMMANDS = [*cli.OWN, *sorted(ADDED["forager.commands"])]


def run(monkeypatch, capsys, *args: str) -> tuple[int, str, str]:
    """The command as a person's shell runs it, in this process."""
    monkeypatch.setattr(sys, "argv", ["forager", *args])
    code: object = 0
    try:
        cli.main()
    except SystemExit as left:
        code = left.code
    said = capsys.readouterr()
    return (code if isinstance(code, int) else 0), said.out, said.err


@pytest.fixture
def forager(monkeypatch, capsys):
    monkeypatch.delenv("FORAGER_HOME", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *args: run(monkeypatch, capsys, *args)


def test_help_lists_every_command(forager):
    code, out, err = forager("--help")
    assert (code, err) == (0, "")
    listed = [line.strip("│ ").split()[0] for line in out.splitlines() if line.startswith("│ ")]
    assert [name for name in listed if not name.startswith("-")] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(forager, command):
    code, out, _ = forager(command, "--help")
    assert code == 0
    assert "Usage" in out
    assert len(out.splitlines()) > 5


@pytest.mark.parametrize("args", [["statsu"], ["status", "--hom"], ["audit"], ["permit"], []])
def test_a_command_used_wrongly_exits_2_without_a_traceback(forager, args):
    code, out, err = forager(*args)
    assert code == 2
    assert "Traceback" not in err + out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["status", "--home", "{tmp}"], "no agent lives in {tmp}; make one with forager init"),
        (["doctor", "--home", "{tmp}"], "no agent lives in {tmp}; make one with forager init"),
        (["run", "--home", "{tmp}"], "no agent lives in {tmp}"),
        (["ledger", "--home", "{tmp}"], "no agent lives in {tmp}"),
        (["halt", "--home", "{tmp}"], "no agent lives in {tmp}"),
        (["drain", "--home", "{tmp}"], "no daemon is running here; start it with forager run"),
        (
            ["resume", "--home", "{tmp}", "--keystore", "{tmp}/k", "--passphrase-file", "{tmp}/p"],
            "the passphrase file cannot be read",
        ),
        (
            ["permit", "--home", "{tmp}", "--keystore", "{tmp}/k", "--passphrase-file", "{tmp}/p"],
            "no agent lives in {tmp}",
        ),
        (
            [
                "init",
                "--home",
                "{tmp}/h",
                "--deployment",
                "{tmp}/d",
                "--operator",
                "me",
                "--passphrase-file",
                "{tmp}/p",
            ],
            "me is not an address; give 0x and 40 hex digits",
        ),
        (
            [
                "init",
                "--home",
                "{tmp}/h",
                "--deployment",
                "{tmp}/d",
                "--operator",
                "0x" + "1" * 40,
                "--passphrase-file",
                "{tmp}/p",
            ],
            "{tmp}/d cannot be read",
        ),
        (["provider", "--config", "{tmp}/none.toml"], "none.toml"),
        (["audit", "{tmp}/nothing"], "nothing"),
    ],
)
def test_a_foreseen_fault_is_one_line_and_exit_2(forager, tmp_path, args, says):
    code, out, err = forager(*(arg.replace("{tmp}", str(tmp_path)) for arg in args))
    assert code == 2
    assert out == ""
    assert err.startswith("forager: ")
    assert err.count("\n") == 1
    assert says.replace("{tmp}", str(tmp_path)) in err


def test_a_broken_config_is_one_line(forager, tmp_path):
    (tmp_path / "forager.toml").write_text("[chain]\nrcp = []\n")
    code, _, err = forager("doctor", "--home", str(tmp_path))
    assert code == 2
    assert err == f"forager: {tmp_path}/forager.toml: unknown key chain.rcp; did you mean rpc?\n"


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egpj.\rOK"


def test_strangers_words_in_a_fault_are_obeyed_by_no_terminal(forager, monkeypatch):
    def fail(_):
        raise SourceError(uri=HOSTILE)

    monkeypatch.setattr(cli, "_own", fail)
    code, _, err = forager("audit", "nowhere")
    assert code == 2
    assert err.count("\n") == 1
    assert err.removesuffix("\n").isprintable()


def test_strangers_words_in_facts_and_progress_are_obeyed_by_no_terminal(capsys):
    said.say({"cause": HOSTILE, "home": "here"}, as_json=False)
    said.tell(HOSTILE)
    spoken = capsys.readouterr()
    assert [len(text.splitlines()) for text in spoken] == [2, 1]
    assert all(line.isprintable() for text in spoken for line in text.splitlines())
    said.say({"cause": HOSTILE}, as_json=True)
    assert json.loads(line := capsys.readouterr().out) == {"cause": HOSTILE}
    assert line.removesuffix("\n").isprintable()


def test_a_fault_that_nobody_foresaw_keeps_its_traceback(forager, monkeypatch):
    monkeypatch.setattr(cli, "_own", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        forager("status")


def test_an_agent_that_sleeps_has_a_status(forager, tmp_path):
    (tmp_path / "forager.toml").write_text("")
    code, out, _ = forager("status", "--home", str(tmp_path), "--json")
    assert code == 0
    assert json.loads(out) == {
        "agent": 0,
        "running": False,
        "phase": "unborn",
        "reason": "",
        "cause": "",
        "waiting_epochs": 0,
        "home": str(tmp_path),
    }


WATCH = """
import sys, time
began = time.process_time()
sys.argv = ["forager", *sys.argv[1:]]
from agent import cli
try:
    cli.main()
except SystemExit:
    pass
sys.stderr.write(f"{time.process_time() - began:.3f} {','.join(sorted(sys.modules))}")
"""


@pytest.mark.parametrize(
    ("args", "never"),
    [
        (["--help"], {"web3", "eth_account", "aiohttp", "structlog", "torch"}),
        (["status", "--json"], {"web3", "eth_account", "aiohttp", "structlog", "agent.config"}),
    ],
)
def test_what_needs_no_chain_is_quick_and_imports_none(tmp_path, args, never):
    """Processor time, so that a busy machine proves nothing."""
    (tmp_path / "forager.toml").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *args],
        env={**os.environ, "FORAGER_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, modules = done.stderr.rsplit("\n", 1)[-1].split(" ")
    assert not never & set(modules.split(","))
    assert float(seconds) < 0.6
