from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.config import Config, KuboTarget, load, parse
from agent.errors import BadConfig
from strategies.port import Placing

ADDRESS = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
CHECKSUMMED = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
BASE = f"""
[chain]
rpc = ["http://127.0.0.1:8545"]
chain_id = 31337
registry = "{ADDRESS}"
token = "{ADDRESS}"
lease_market = "{ADDRESS}"
[keys]
operator = "{ADDRESS}"
"""
PATH = Path("forager.toml")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("FORAGER_")]:
        monkeypatch.delenv(name)


def read(extra: str = "", *, before: str = "", base: str = BASE) -> Config:
    return parse(before + base + extra, PATH)


def test_what_is_left_out_has_a_sane_default():
    config = read()
    assert config.use == ("thrift", "keeper")
    assert (config.life.tick_s, config.life.hibernate_max_h) == (30, 24)
    assert config.placing.mode is Placing.EMBODIED
    assert config.chain.job_board is None


def test_addresses_are_given_their_checksum():
    config = read()
    assert config.chain.registry == config.keys.operator == CHECKSUMMED


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ("[life]\ntik_s = 1", "unknown key life.tik_s; did you mean tick_s?"),
        ("[life]\ntick = 1", "unknown key life.tick; did you mean tick_s?"),
        ("[liffe]\ntick_s = 1", "unknown key liffe; did you mean life?"),
        ("[mind]\nzzz = 1", "unknown key mind.zzz; remove it"),
        (
            "[[telemetry.targets]]\nurll = 'http://x'",
            "unknown key telemetry.targets.0.urll; did you mean url?",
        ),
        ("[[telemetry.targets]]\nkind = 'kubo'", "telemetry.targets.0.url is missing; add it"),
        ("[[telemetry.targets]]\nurl = 'ipfs'", "targets.0.url: not an http address; it is 'ipfs'"),
        (
            "[[telemetry.targets]]\nkind = 'pining'",
            "telemetry.targets.0.kind: input should be 'kubo' or 'pinning'; did you mean pinning?",
        ),
        (
            "[[telemetry.targets]]\nkind = 7",
            "telemetry.targets.0.kind: input should be 'kubo' or 'pinning'; it is '7' now",
        ),
        (
            "[[telemetry.targets]]\nkind = 'pinning'\nurl = 'http://x'\ntoken = 'x'",
            "unknown key telemetry.targets.0.token; did you mean token_file?",
        ),
        (
            "[[telemetry.targets]]\nkind = 'kubo'\nurl = 'http://x'\ntoken_file = 'x'",
            "unknown key telemetry.targets.0.token_file; remove it",
        ),
        (
            "[[telemetry.targets]]\nkind = 'pinning'\nurl = 'http://x'",
            "telemetry.targets.0.token_file is missing; add it",
        ),
        (
            "[[telemetry.targets]]\nkind='pinning'\nurl='http://x'\ntoken_file='x'\norigins=['x']",
            "telemetry.targets.0.origins.0: not a multiaddr, like /dns/",
        ),
        ("[telemetry]\ntargets = [7]", "telemetry.targets.0: input should be a table; it is 7 now"),
        ("[[telemetry.targets]]\nkind = ''", "targets.0.kind: input should be 'kubo' or"),
        ("[telemetry.targets]\nurl = 'http://x'", "is a list; write [[telemetry.targets]]"),
        (
            "[[telemetry.targets]]\nurl = 'http://x/'\n[[telemetry.targets]]\nurl = 'http://x'",
            "telemetry.targets: a target's address is listed twice",
        ),
        ("[[telemetry.targets]]\nurl = 'http://[x'", "targets.0.url: not an address"),
        ("[[telemetry.targets]]\nurl = 'http://x:99999'", "targets.0.url: not an address"),
        ("[[telemetry.targets]]\nurl = 'http://'", "targets.0.url: not an address: no host"),
        ("[[telemetry.targets]]\nurl = 'http://me:pw@x'", "no user or password belongs"),
        ("[telemetry]\nserve_uri = 'httpx'", "telemetry.serve_uri: not a URI"),
        ("[telemetry]\nserve_uri = 'http://h:99999'", "telemetry.serve_uri: not an address"),
        ("[telemetry]\nserve_uri = 'http://a:b@h'", "telemetry.serve_uri: no user or password"),
        ("[telemetry]\ntargets = 7", "telemetry.targets: input should be a valid tuple"),
        ("[life]\ntick_s = 0", "life.tick_s: input should be greater than 0; it is 0 now"),
        ("[life]\ntick_s = inf", "life.tick_s: input should be a finite number; it is inf now"),
        ("[life]\nhorizon_h = nan", "life.horizon_h: input should be a finite number"),
        ("[life]\nhorizon_h = 876001", "life.horizon_h: input should be less than or equal to"),
        ("[life]\nhibernate_max_h = 1e300", "life.hibernate_max_h: input should be less than"),
        ("[life]\nwill_s = 'soon'", "life.will_s: input should be a valid number"),
        ("[mind]\nmenu_max = 27", "mind.menu_max: input should be less than or equal to 26"),
        ("[mind]\nepsilon = 1.5", "mind.epsilon: input should be less than or equal to 1"),
        ("[placing]\nmode = 'embdied'", "input should be 'embodied' or 'remote'; it is 'embdied'"),
        ("[telemetry]\ngateway_port = 70000", "telemetry.gateway_port: input should be less than"),
        ("[strategies.thirft]\nlow_h = 1", "strategies.thirft is not in use; did you mean thrift?"),
        ("[strategies.zzz]\nlow_h = 1", "strategies.zzz is not in use; list it in use, or remove"),
        (
            "[plugins]\nallow_unconfined = ['thirft']",
            "plugins.allow_unconfined: thirft is not in use; did you mean thrift?",
        ),
        ("[plugins]\nallow = ['thrift']", "unknown key plugins.allow; remove it"),
        ("[chain]\n", "is not TOML"),
        ("x = ", "is not TOML"),
    ],
)
def test_every_wrong_key_or_value_is_one_line(extra, says):
    with pytest.raises(BadConfig) as fault:
        read(extra)
    assert says in str(fault.value)
    assert "\n" not in str(fault.value)
    assert str(fault.value).startswith("forager.toml")


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        (f'registry = "{ADDRESS}"', 'registry = "0x12"', "chain.registry: not an address"),
        (f'registry = "{ADDRESS}"', "registry = 7", "chain.registry: input should be a valid str"),
        (f'registry = "{ADDRESS}"', "", "chain.registry is missing; add it"),
        (f'operator = "{ADDRESS}"', 'operator = "me"', "keys.operator: not an address; it is 'me'"),
        ('["http://127.0.0.1:8545"]', "[]", "chain.rpc: tuple should have at least 1 item"),
        ('["http://127.0.0.1:8545"]', '["ws"]', "chain.rpc.0: not an http address"),
        ("chain_id = 31337", "chain_id = 0", "chain.chain_id: input should be greater than 0"),
        ("[keys]", '[keys]\nsigner = "socket"', "keys: a signer of its own needs keys.socket"),
        ("[keys]", '[keys]\nsigner = "sock"', "keys.signer: input should be 'child' or 'socket'"),
    ],
)
def test_what_must_be_there_is_judged_too(right, wrong, says):
    with pytest.raises(BadConfig) as fault:
        read(base=BASE.replace(right, wrong))
    assert says in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('use = ["thrift", "thrift"]\n', "use: a strategy is listed twice"),
        ("use = 7\n", "use: input should be a valid tuple; it is 7 now"),
        ("life = 7\n", "life: input should be a valid dictionary"),
        ("uze = []\n", "unknown key uze; did you mean use?"),
    ],
)
def test_the_top_of_the_file_is_judged_too(line, says):
    with pytest.raises(BadConfig) as fault:
        read(before=line)
    assert says in str(fault.value)


def test_a_strategys_options_are_its_own_business():
    assert read("[strategies.thrift]\nanything = [1, 2]").strategies == {
        "thrift": {"anything": [1, 2]}
    }


def test_a_target_is_of_the_kind_that_it_says_or_a_kubo():
    config = read(
        """
        [[telemetry.targets]]
        url = "http://a"
        [[telemetry.targets]]
        kind = "pinning"
        url = "https://b"
        token_file = "token"
        """
    )
    node, service = config.telemetry.targets
    assert (node, service.kind) == (KuboTarget(url="http://a"), "pinning")
    assert (service.token_file, service.origins, service.deadline_s) == ("token", (), 20)


def test_the_environment_wins(monkeypatch):
    monkeypatch.setenv("FORAGER_LIFE__TICK_S", "2.5")
    monkeypatch.setenv("FORAGER_CHAIN__RPC", '["http://other"]')
    monkeypatch.setenv("forager_use", '["keeper"]')
    monkeypatch.setenv("FORAGER_PLACING__MODE", "remote")
    config = read("[life]\ntick_s = 9\nwill_s = 7")
    assert (config.life.tick_s, config.life.will_s) == (2.5, 7)
    assert config.chain.rpc == ("http://other",)
    assert config.chain.registry == CHECKSUMMED
    assert config.use == ("keeper",)
    assert config.placing.mode is Placing.REMOTE


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FORAGER_LIFE__TICK_S", "abc", "(FORAGER_LIFE__TICK_S): life.tick_s: input should be"),
        ("FORAGER_LIFE__TIK_S", "1", "(FORAGER_LIFE__TIK_S): unknown key life.tik_s; did you"),
        (
            "FORAGER_LIVE__TICK_S",
            "1",
            "unknown table in FORAGER_LIVE__TICK_S; did you mean FORAGER",
        ),
        ("FORAGER_ZZZ__X", "1", "unknown table in FORAGER_ZZZ__X; unset it"),
        ("FORAGER_CHAIN__RPC", "http://x", "FORAGER_CHAIN__RPC is not JSON; lists and tables"),
        ("FORAGER_CHAIN__RPC", '["x"]', "(FORAGER_CHAIN__RPC): chain.rpc.0: not an http address"),
        ("FORAGER_USE", "thrift", "FORAGER_USE is not JSON"),
        (
            "FORAGER_TELEMETRY__TARGETS",
            '[{"urll": "http://x"}]',
            "(FORAGER_TELEMETRY__TARGETS): unknown key telemetry.targets.0.urll; did you mean url?",
        ),
        ("FORAGER_LIFE", "{", "FORAGER_LIFE is not JSON"),
        ("FORAGER_KEYS__OPERATOR", "me", "(FORAGER_KEYS__OPERATOR): keys.operator: not an address"),
    ],
)
def test_a_wrong_variable_is_one_line_that_names_it(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(BadConfig) as fault:
        read()
    assert says in str(fault.value)
    assert "\n" not in str(fault.value)
    assert "the environment" in str(fault.value)


@pytest.mark.parametrize("name", ["FORAGER_HOME", "FORAGER_ANVIL", "FORAGERS_LIFE__X", "LIFE__X"])
def test_other_variables_are_none_of_ours(monkeypatch, name):
    monkeypatch.setenv(name, "anything")
    read()


def test_nothing_changes_once_it_is_read():
    config = read()
    for table, name in ((config, "use"), (config.life, "tick_s"), (config.chain, "rpc")):
        with pytest.raises(ValidationError):
            setattr(table, name, None)


def test_a_home_without_a_config_holds_nobody(tmp_path):
    with pytest.raises(BadConfig, match=r"no agent lives in .*; make one with forager init"):
        load(tmp_path)


def test_a_config_that_cannot_be_read_is_one_line(tmp_path):
    path = tmp_path / "forager.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadConfig, match="is not TOML"):
        load(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(BadConfig, match="cannot be read"):
        load(tmp_path)


def test_a_home_is_read_from_its_file(tmp_path):
    (tmp_path / "forager.toml").write_text(BASE)
    assert load(tmp_path) == read()
