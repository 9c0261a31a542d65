"""`forager prove` as a person's shell runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lives import REGISTRY, Teller, whole_life

from agent import cli

ROOT = Path(__file__).parents[3]
CHAIN = ["--rpc", "http://127.0.0.1:1", "--registry", REGISTRY]


@pytest.fixture
def forager(monkeypatch, capsys):
    def run(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["forager", "prove", *map(str, args)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return run


@pytest.fixture
def cars(tmp_path):
    return whole_life().write(tmp_path / "cars")


def test_a_record_is_proven_in_plain_words(forager, cars):
    code, out, err = forager(cars, "--record", 7)
    assert (code, err) == (0, "")
    *facts, verdict = out.splitlines()
    assert [line.split()[0] for line in facts] == [
        "agent",
        "record",
        "checkpoint",
        "signed",
        "for",
        "path",
    ]
    assert "4 nodes, 128 bytes" in facts[-1]
    assert verdict == (
        "PROVEN: record 7 is one of the 11 under checkpoint 2; "
        "the key above signed it; whose key that is, no chain was asked"
    )


def test_growth_is_proven_in_plain_words(forager, cars):
    code, out, _ = forager(cars, "--from", 0, "--to", 1)
    assert code == 0
    assert out.splitlines()[-1].startswith(
        "PROVEN: checkpoint 1 has the 3 records of checkpoint 0, unchanged, and 7 more; "
    )


@pytest.mark.parametrize("claim", [["--record", 2, "--epoch", 0], ["--from", 0, "--to", 2]])
def test_a_proof_is_written_and_checked_elsewhere(forager, cars, tmp_path, claim):
    file = tmp_path / "proof.json"
    code, out, _ = forager(cars, *claim, "--out", file)
    assert code == 0
    assert forager("--check", file) == (0, out, "")

    code, said, _ = forager("--check", file, "--json")
    assert code == 0
    answer = json.loads(said)
    assert answer["proof"] == json.loads(file.read_text())
    assert (answer["proven"], answer["why"], answer["verified"]) == (True, None, "signature")
    assert answer["path_bytes"] == 32 * len(answer["proof"]["path"])

    bent = answer["proof"] | {"path": answer["proof"]["path"][1:]}
    file.write_text(json.dumps(bent))
    code, out, err = forager("--check", file)
    assert (code, err) == (1, "")
    assert out.splitlines()[-1].startswith("NOT PROVEN: the path does not lead")
    code, out, _ = forager("--check", file, "--json")
    assert code == 1
    assert json.loads(out)["proven"] is False
    assert json.loads(out)["verified"] is None
    assert "path does not lead" in json.loads(out)["why"]


def test_what_is_not_there_is_not_proven_and_nothing_is_written(forager, cars, tmp_path):
    file = tmp_path / "proof.json"
    code, out, err = forager(cars, "--record", 11, "--out", file)
    assert (code, err) == (1, "")
    assert out == (
        "NOT PROVEN: there is no record 11 under checkpoint 2, which covers 11 records\n"
    )
    assert not file.exists()
    code, out, _ = forager(cars, "--record", 11, "--json")
    assert code == 1
    assert json.loads(out)["proof"] is None


def test_a_log_that_contradicts_itself_proves_nothing(forager, cars):
    next(cars.glob("000001-*")).unlink()
    code, out, _ = forager(cars, "--record", 1)
    assert code == 1
    assert out.startswith("NOT PROVEN: ")
    assert "checkpoint 1 is not there" in out


def test_one_agent_of_several_is_named(forager, cars):
    other = Teller(agent=2)
    other.birth()
    other.seal()
    other.write(cars)
    code, _, err = forager(cars, "--record", 0)
    assert code == 2
    assert "several agents" in err
    assert forager(cars, "--record", 0, "--agent", 2)[0] == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["{cars}"], "it is not clear what to prove; name a --record, or two checkpoints"),
        (["{cars}", "--record", 1, "--from", 0, "--to", 1], "not clear what to prove"),
        (["{cars}", "--from", 0], "not clear what to prove"),
        (["{cars}", "--to", 1], "not clear what to prove"),
        (["{cars}", "--from", 1, "--to", 1], "--from one checkpoint --to a later one"),
        (["{cars}", "--from", 2, "--to", 1], "--from one checkpoint --to a later one"),
        (["{cars}", "--from", 0, "--to", 1, "--epoch", 1], "--from one checkpoint"),
        (["{cars}", "--from", 0, "--to", 1, "--anchored", *CHAIN], "--from one checkpoint"),
        (["{cars}", "--record", 1, "--anchored"], "--anchored asks the registry; name --rpc and"),
        (["{cars}", "--record", 1, "--anchored", "--epoch", 1, *CHAIN], "no --epoch"),
        (["{cars}", "--record", 1, "--rpc", "http://x"], "--rpc and --registry go together"),
        (["{cars}", "--record", 1, "--registry", REGISTRY], "--rpc and --registry go together"),
        (["{cars}", "--record", 1, "--rpc", "x", "--registry", "me"], "me is not an address"),
        (["--record", 1], "there is no source; name a gateway or a folder"),
        (["--check", "{cars}/none"], "none cannot be read; No such file"),
        (["{cars}", "--check", "{proof}"], "--check makes no proof"),
        (["--check", "{proof}", "--record", 1], "--check makes no proof"),
        (["--check", "{proof}", "--anchored"], "--check makes no proof"),
        (["--check", "{proof}", "--out", "x"], "--check makes no proof"),
        (["--check", "{proof}"], "not a proof (why=not JSON); ask for the file again"),
        (["{cars}/none", "--record", 1], "no log can be read here"),
        (["{cars}", "--record", 1, "--out", "{cars}/no/where"], "where cannot be written"),
        (["{cars}", "--record", 1, *CHAIN], "No endpoint answered"),
    ],
)
def test_used_wrongly_is_one_line_and_exit_2(forager, cars, tmp_path, args, says):
    (tmp_path / "proof.json").write_text("no proof")
    code, out, err = forager(
        *(str(arg).format(cars=cars, proof=tmp_path / "proof.json") for arg in args)
    )
    assert (code, out) == (2, "")
    assert err.startswith("forager: ")
    assert err.count("\n") == 1
    assert says in err


@pytest.mark.parametrize("value", ["-1", "x", "1.5"])
def test_a_record_is_a_number(forager, cars, value):
    code, _, err = forager(cars, "--record", value)
    assert code == 2
    assert "Traceback" not in err


WATCH = """
import sys
sys.argv = ["forager", "prove", *sys.argv[1:]]
from agent import cli
try:
    cli.main()
finally:
    sys.stderr.write(",".join(sys.modules))
"""


def test_nothing_that_signs_or_sends_is_brought_in(cars):
    done = subprocess.run(
        [sys.executable, "-c", WATCH, cars, "--record", "1"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"web3", "eth_account", "llama_cpp"} & set(done.stderr.split(","))
