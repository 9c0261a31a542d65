from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sys

import pytest

from agent import child
from agent.commands import doctor
from agent.config import load
from agent.founding import Founding, found
from agent.home import Home
from agent.life import Notes, Phase, save
from agent.permitting import Permission, grant
from chain.keys import Key
from tests.snapshots import PLACES
from tests.strangers import install_quiet

OPERATOR = Key(bytes([3]) * 32)
TERMS = Permission(2_000_000_000, "Test Dollar", "1")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "passphrase").touch(0o600)
    (folder / "passphrase").write_text("x\n")
    (folder / "model.gguf").write_bytes(b"GGUF")
    chain = {
        "rpc": ["http://127.0.0.1:1"],
        "chain_id": 31337,
        "registry": PLACES.registry,
        "token": PLACES.token,
        "lease_market": PLACES.lease_market,
    }
    tables = {
        "mind": {"model": str(folder / "model.gguf")},
        "telemetry": {"gateway_port": 0},
    }
    plan = Founding(OPERATOR.address, folder / "passphrase", chain, tables)
    found(folder / "home", plan)
    grant(folder / "home", OPERATOR, TERMS)
    return folder


@pytest.fixture
def home(original, tmp_path):
    shutil.copytree(original / "home", tmp_path / "home")
    return Home(tmp_path / "home")


def look(home: Home, *names: str) -> dict[str, tuple[str, str]]:
    checks = [check for check in doctor.CHECKS if check.__name__.strip("_") in names]
    kept, doctor.CHECKS = doctor.CHECKS, tuple(checks)
    try:
        findings = asyncio.run(doctor._look(home, load(home.root)))
    finally:
        doctor.CHECKS = kept
    return {finding.about: (finding.level, finding.detail) for finding in findings}


OFFLINE = ("keys", "isolation", "permit", "port", "disk", "telemetry")


def test_a_home_that_is_well_is_said_to_be_and_what_is_not_isolated_is_said_plainly(home):
    found_ = look(home, *OFFLINE)
    assert {about: level for about, (level, _) in found_.items()} == {
        "keys": "ok",
        "isolation": "note",
        "permit": "ok",
        "port": "ok",
        "disk": "ok",
        "telemetry": "fault",  # an embodied agent's only copy must not be on the rented machine
    }
    assert "is not isolated from other programs of user" in found_["isolation"][1]


def rewrite(home: Home, old: str, new: str) -> None:
    home.config.write_text(home.config.read_text().replace(old, new))


def test_a_passphrase_that_others_may_read_is_a_fault(home, original, tmp_path):
    shared = tmp_path / "shared"
    shared.write_text("x\n")
    shared.chmod(0o644)
    text = home.signer_config.read_text()
    home.signer_config.write_text(text.replace(str(original / "passphrase"), str(shared)))
    assert look(home, "isolation")["isolation"][0] == "fault"


def test_a_signer_of_its_own_is_not_looked_into(home, tmp_path):
    """Its keys are another user's: this one can neither open nor judge them."""
    where = tmp_path / "s.sock"
    rewrite(home, "[keys]", f'[keys]\nsigner = "socket"\nsocket = "{where}"')
    shutil.rmtree(home.keys)
    home.signer_config.unlink()
    found_ = look(home, "keys", "isolation", "permit")
    assert found_["isolation"] == ("ok", "the signer is apart; this user cannot read its keys")
    assert found_["permit"][0] == "ok"
    level, detail = found_["keys"]
    assert level == "fault"
    assert "signer" in detail


def test_it_says_what_keeps_each_strangers_strategy_from_everything_else(
    home, tmp_path, monkeypatch
):
    assert look(home, "strangers")["strangers"] == ("ok", "every strategy in use is Forager's own")
    install_quiet(tmp_path / "installed", monkeypatch)
    rewrite(home, 'use = ["thrift", "keeper"]', 'use = ["hold", "quiet"]')
    level, detail = look(home, "strangers")["strangers"]
    assert level == "ok"
    assert detail.startswith("quiet runs apart: ")
    assert "seccomp" in detail
    less = ("-m", "tests.lesser", "landlock", "namespaces")
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-P", *less))
    level, detail = look(home, "strangers")["strangers"]
    assert level == "fault"
    assert "leaves open: files (namespaces: Operation not permitted; landlock: " in detail
    assert "it is not run; list it in plugins.allow_unconfined" in detail
    home.config.write_text(home.config.read_text() + '[plugins]\nallow_unconfined = ["quiet"]\n')
    assert look(home, "strangers")["strangers"][0] == "note"


def test_one_thing_amiss_hides_nothing_about_the_others(home):
    (home.keys / "wallet.json").write_text("{")
    home.genome.unlink()
    found_ = look(home, *OFFLINE, "model")
    assert [about for about, (level, _) in found_.items() if level == "fault"] == [
        "keys",
        "permit",
        "model",
        "telemetry",
    ]
    assert all("\n" not in detail for _, detail in found_.values())


def test_a_permit_for_another_is_a_fault(home):
    permit = json.loads(home.permit.read_text())
    home.permit.write_text(json.dumps({**permit, "wallet": PLACES.token}))
    assert look(home, "permit")["permit"][1].startswith(f"it is for {PLACES.token}")
    home.permit.write_text(json.dumps({**permit, "genome": "0x" + "00" * 32}))
    assert "another genome" in look(home, "permit")["permit"][1]
    home.permit.unlink()
    assert "the operator makes one with forager permit" in look(home, "permit")["permit"][1]
    save(home.notes, Notes(phase=Phase.LIVING, agent=4))
    assert look(home, "permit")["permit"] == ("ok", "born as agent 4, living")


def test_a_port_in_use_is_a_fault(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        rewrite(home, "gateway_port = 0", f"gateway_port = {port}")
        assert look(home, "port")["port"][0] == "fault"
    assert look(home, "port")["port"] == ("ok", f"127.0.0.1:{port} is free")


def test_a_chain_that_does_not_answer_is_a_fault_with_advice(home):
    level, detail = look(home, "chain")["chain"]
    assert level == "fault"
    assert "\n" not in detail


def test_a_pinning_service_needs_a_token_of_ones_own_and_the_gateways_address(home):
    target = 'kind = "pinning"\nurl = "https://pins"\ntoken_file = "token"\n'
    with home.config.open("a") as file:
        file.write(f"[[telemetry.targets]]\n{target}")
    token = home.root / "token"
    assert look(home, "telemetry")["telemetry"][0] == "fault"
    token.touch()
    token.chmod(0o644)
    level, detail = look(home, "telemetry")["telemetry"]
    assert (level, "chmod 600" in detail) == ("note", True)
    token.chmod(0o600)
    level, detail = look(home, "telemetry")["telemetry"]
    assert (level, "telemetry.serve_uri" in detail) == ("note", True)
    rewrite(home, "gateway_port = 0", 'gateway_port = 0\nserve_uri = "https://logs.example"')
    assert look(home, "telemetry")["telemetry"] == ("ok", "https://pins")
