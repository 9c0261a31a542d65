from __future__ import annotations

import json
import shutil
import stat
import tomllib
from pathlib import Path

import pytest

from agent import config, genome
from agent.errors import BadConfig, UsedWrongly
from agent.founding import Founding, found
from agent.genome import Genome
from agent.home import Home
from agent.inheriting import Inheritance
from agent.prompt import prompt_digest
from chain import keystore, signer_config
from chain.types import Address
from compute.manifest import digest_file

ADDRESS = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
OPERATOR = Address("0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0")
CHAIN = {
    "rpc": ["http://127.0.0.1:8545"],
    "chain_id": 31337,
    "registry": ADDRESS,
    "token": ADDRESS,
    "lease_market": ADDRESS,
    "job_board": None,
}


def plan(folder: Path, **changes) -> Founding:
    """What a person says; passphrase and model lie in the folder."""
    (folder / "passphrase").write_text("pass phrase\nsecond line\n")
    (folder / "model.gguf").write_bytes(b"GGUF")
    tables = {
        "mind": {"model": str(folder / "model.gguf"), "epsilon": 1e-05},
        "telemetry": {
            "epoch_s": 60.0,
            "targets": [{"kind": "kubo", "url": "http://a"}, {"kind": "kubo", "url": "http://b"}],
        },
    }
    said = {
        "operator": OPERATOR,
        "passphrase_file": folder / "passphrase",
        "chain": CHAIN,
        "tables": tables,
        "strategies": {"thrift": {"extend_h": [4, 8], "home": 'é "quoted" 😀'}},
    }
    return Founding(**(said | changes))


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("founding")
    return Home(folder / "a" / "home"), found(folder / "a" / "home", plan(folder)), folder


def test_a_home_has_what_the_layout_says(founded):
    home, _, _ = founded
    files = {str(each.relative_to(home.root)) for each in home.root.rglob("*")}
    assert files == {
        *("forager.toml", "genome.json", "signer.toml"),
        *("keys", "keys/wallet.json", "keys/log.json", "signer", "cars", "run", "logs"),
    }


def test_keys_are_for_their_owner_alone(founded):
    home, _, _ = founded
    modes = {
        path: stat.S_IMODE((home.root / path).stat().st_mode)
        for path in ("keys", "signer", "keys/wallet.json", "keys/log.json")
    }
    assert modes == {
        "keys": 0o700,
        "signer": 0o700,
        "keys/wallet.json": 0o600,
        "keys/log.json": 0o600,
    }


def test_two_different_keys_open_with_the_passphrase(founded):
    home, who, _ = founded
    wallet = keystore.open_key(home.keys / "wallet.json", b"pass phrase")
    log_key = keystore.open_key(home.keys / "log.json", b"pass phrase")
    assert (wallet.address, log_key.address) == (who.wallet, who.log_key)
    assert wallet.address != log_key.address


def test_the_config_says_what_was_said(founded):
    home, _, folder = founded
    made = config.load(home.root)
    assert made.chain.chain_id == 31337
    assert made.chain.job_board is None
    assert made.keys.operator == OPERATOR
    assert made.mind.model == str(folder / "model.gguf")
    assert made.mind.epsilon == 1e-05
    assert [target.url for target in made.telemetry.targets] == ["http://a", "http://b"]
    assert made.strategies == {"thrift": {"extend_h": [4, 8], "home": 'é "quoted" 😀'}}


def test_the_signers_config_is_one_that_the_signer_reads(founded):
    home, _, folder = founded
    made = signer_config.read(home.signer_config)
    assert made.registry == ADDRESS
    assert made.operator == OPERATOR
    assert made.passphrase_file == (folder / "passphrase").resolve()
    assert made.wallet_key == (home.keys / "wallet.json").resolve()
    assert made.limits == home.limits.resolve()


def test_no_secret_is_in_a_file_that_others_may_read(founded):
    home, _, _ = founded
    for path in (home.config, home.signer_config, home.genome):
        assert "pass phrase" not in path.read_text()


def test_the_genome_names_the_model_and_the_prompt(founded):
    home, who, folder = founded
    made = genome.load(home.genome)
    assert made.digest() == who.genome
    assert made.gguf == digest_file(folder / "model.gguf")
    assert made.prompt == prompt_digest()
    assert made.strategies.keys() == {"thrift", "keeper"}
    assert json.loads(home.genome.read_text())["generation"] == 0


@pytest.mark.parametrize("left", ["keys", "config", "all"])
def test_what_is_there_is_never_overwritten(founded, tmp_path, left):
    home, _, folder = founded
    again = Home(tmp_path / "home")
    if left == "all":
        shutil.copytree(home.root, again.root)
    elif left == "keys":
        again.keys.mkdir(parents=True)
    else:
        again.root.mkdir()
        again.config.write_text("# mine")
    before = {p: p.read_bytes() for p in again.root.rglob("*") if p.is_file()}
    with pytest.raises(UsedWrongly, match="is not empty; name another home"):
        found(again.root, plan(folder))
    assert {p: p.read_bytes() for p in again.root.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"operator": "me"}, "keys.operator: not an address"),
        ({"chain": {**CHAIN, "registry": "0x12"}}, "chain.registry: not an address"),
        ({"chain": {**CHAIN, "odd": 1}}, "unknown key chain.odd"),
        ({"tables": {"placing": {"mode": "embdied"}}}, "placing.mode"),
        ({"tables": {"mind": {"model": "/no/such/model"}}}, "the model /no/such/model is missing"),
        ({"tables": {"life": {"tik_s": 1}}}, "unknown key life.tik_s; did you mean tick_s?"),
        ({"strategies": {"thirft": {}}}, "strategies.thirft is not in use; did you mean thrift?"),
    ],
)
def test_what_would_be_refused_later_is_refused_before_anything_is_made(tmp_path, changes, says):
    wanted = plan(tmp_path)
    tables = {**wanted.tables, **changes.pop("tables", {})}
    with pytest.raises(BadConfig) as fault:
        found(tmp_path / "home", plan(tmp_path, tables=tables, **changes))
    assert says in str(fault.value)
    assert not (tmp_path / "home").exists()


def test_an_empty_passphrase_protects_nothing(tmp_path):
    wanted = plan(tmp_path)
    wanted.passphrase_file.write_text("\nlater\n")
    with pytest.raises(UsedWrongly, match="begins with an empty line"):
        found(tmp_path / "home", wanted)
    assert not (tmp_path / "home").exists()


def test_every_table_is_toml(founded):
    home, _, _ = founded
    tomllib.loads(home.config.read_text("utf-8"))
    tomllib.loads(home.signer_config.read_text("utf-8"))


# Of a genome that was bred

BRED = Genome(
    generation=3,
    gguf="0x" + "ab" * 32,
    adapter="",
    prompt=prompt_digest(),
    strategies={"keeper": {}, "thrift": {"extend_h": [2, 4], "slippage_pct": 0.5}},
    parents=("bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",),
)


def heir(folder: Path, **changes) -> Founding:
    """The same person, who leaves to the genome what is inherited."""
    (folder / "fetched.gguf").write_bytes(b"GGUF bred")
    inherits = Inheritance(BRED, folder / "fetched.gguf")
    said = {"tables": {"mind": {"epsilon": 0.1}}, "strategies": {}, "inherits": inherits}
    return plan(folder, **(said | changes))


def test_a_home_is_made_of_a_genome_as_it_was_bred(tmp_path):
    home = Home(tmp_path / "home")
    founded = found(home.root, heir(tmp_path))
    assert founded.genome == BRED.digest()
    assert genome.load(home.genome).digest() == BRED.digest()
    made = config.load(home.root)
    assert Path(made.mind.model) == home.models / f"{'ab' * 32}.gguf"
    assert Path(made.mind.model).read_bytes() == b"GGUF bred"
    assert made.mind.epsilon == 0.1
    assert set(made.use) == {"keeper", "thrift"}
    assert made.strategies == {"thrift": {"extend_h": [2, 4], "slippage_pct": 0.5}}


def test_where_and_with_whom_is_for_the_operator_to_say(tmp_path):
    home = Home(tmp_path / "home")
    found(home.root, heir(tmp_path, strategies={"thrift": {"home": OPERATOR}}))
    assert config.load(home.root).strategies["thrift"]["home"] == OPERATOR
    assert genome.load(home.genome).digest() == BRED.digest()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tables": {"mind": {"model": "builtin:g0"}}}, "mind.model is inherited"),
        ({"strategies": {"thrift": {"extend_h": [9]}}}, "strategies.thrift.extend_h is inherited"),
        ({"strategies": {"keeper": {"offer_n": 3}}}, "strategies.keeper.offer_n is inherited"),
        ({"strategies": {"saver": {"vault": OPERATOR}}}, "strategies.saver is not in use"),
        ({"tables": {"life": {"tik_s": 1}}}, "unknown key life.tik_s; did you mean tick_s?"),
    ],
)
def test_what_contradicts_the_genome_is_refused_before_anything_is_made(tmp_path, changes, says):
    with pytest.raises(UsedWrongly) as fault:
        found(tmp_path / "home", heir(tmp_path, **changes))
    assert says in str(fault.value)
    assert not (tmp_path / "home").exists()
