from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from agent.config import parse
from agent.errors import UsedWrongly
from agent.founding import Founding, found
from agent.home import Home
from agent.permitting import Caps, Permission, grant, limits_body
from chain import limits_file, permit
from chain.errors import BadLimits
from chain.halt import Who
from chain.keys import Key
from chain.limits import judge
from chain.types import Address, Fees, Intent, Micro, Refused, Wei
from compute.market import CLOSE, EXTEND, OPEN, LeaseMarket
from strategies.keeper import PERFORM
from strategies.keeper import make as make_keeper
from strategies.port import Tools
from strategies.refuel import BUY
from strategies.samples import SAVER, TRADER
from strategies.saver import DEPOSIT, REDEEM
from strategies.saver import make as make_saver
from strategies.thrift import make as make_thrift
from strategies.trader import SWAP
from strategies.trader import make as make_trader
from tests.snapshots import GUARDIAN, PLACES, WALLET, moments

OPERATOR = Key(sha256(b"operator").digest())
OTHER = Key(sha256(b"other").digest())
TERMS = Permission(2_000_000_000, "Test Dollar", "1")
CHAIN = {
    "rpc": ["http://127.0.0.1:1"],
    "chain_id": 31337,
    "registry": PLACES.registry,
    "token": PLACES.token,
    "lease_market": PLACES.lease_market,
    "job_board": PLACES.job_board,
    "gas_station": PLACES.gas_station,
}
DOMAIN = permit.Domain(31337, PLACES.registry)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("permitting")
    (folder / "passphrase").write_text("x\n")
    (folder / "model.gguf").write_bytes(b"GGUF")
    found(
        folder / "home",
        Founding(
            operator=OPERATOR.address,
            passphrase_file=folder / "passphrase",
            chain=CHAIN,
            tables={"mind": {"model": str(folder / "model.gguf")}},
        ),
    )
    return Home(folder / "home")


@pytest.fixture
def granted(home):
    home.limits.unlink(missing_ok=True)
    home.permit.unlink(missing_ok=True)
    return grant(home.root, OPERATOR, TERMS)


def limits(home):
    return limits_file.read(home.limits.read_text(), OPERATOR.address)


def test_the_permit_is_the_operators_word_for_this_wallet_and_genome(home, granted):
    kept, signature = permit.birth_from_json(json.loads(home.permit.read_text()))
    assert kept == granted
    assert permit.signed_by(DOMAIN, kept, signature) == OPERATOR.address
    assert (kept.operator, kept.deadline) == (OPERATOR.address, TERMS.deadline)
    assert kept.wallet != kept.log_key
    assert len(kept.seed) == 32


def test_every_permit_has_a_nonce_and_a_seed_of_its_own(home, granted):
    again = grant(home.root, OPERATOR, TERMS)
    assert again.nonce != granted.nonce
    assert again.seed != granted.seed
    seeded = grant(home.root, OPERATOR, replace(TERMS, seed=b"\x07" * 32))
    assert seeded.seed == b"\x07" * 32


def test_limits_are_ones_that_the_signer_takes(home, granted):
    found_ = limits(home)
    assert (found_.wallet, found_.operator, found_.agent) == (granted.wallet, OPERATOR.address, 0)
    assert found_.version == 1
    with pytest.raises(BadLimits):
        limits_file.read(home.limits.read_text(), OTHER.address)


def test_limits_given_again_have_the_next_version(home, granted):
    grant(home.root, OPERATOR, replace(TERMS, caps=Caps(usd_per_hour=20)))
    assert limits(home).version == 2
    assert limits(home).tokens[PLACES.token].caps.per_hour == 20_000_000
    home.limits.write_text("{}")
    with pytest.raises(UsedWrongly, match="is damaged; restore it"):
        grant(home.root, OPERATOR, TERMS)
    assert home.limits.read_text() == "{}"


def test_another_key_permits_nothing(home, granted):
    before = home.permit.read_text(), home.limits.read_text()
    with pytest.raises(UsedWrongly, match="use the operator's keystore"):
        grant(home.root, OTHER, TERMS)
    assert (home.permit.read_text(), home.limits.read_text()) == before


def test_amounts_are_exact():
    body = limits_body(config(), birth(), replace(TERMS, caps=Caps(0.1, 0.3, 1e6, 0.05, 0.1, 0.3)))
    assert body["tokens"][PLACES.token]["per_action"] == "100000"
    assert body["tokens"][PLACES.token]["per_day"] == "1000000000000"
    assert body["wei"]["per_day"] == "300000000000000000"
    assert body["fee_max"] == "200000000000"


@pytest.mark.parametrize(
    "caps",
    [
        Caps(usd_per_hour=-1),
        Caps(usd_per_action=float("nan")),
        Caps(usd_per_day=float("inf")),
        Caps(eth_per_hour=1e30),
        Caps(eth_per_hour=0.001),
    ],
)
def test_caps_that_cannot_be_are_refused_before_anything_is_written(home, granted, caps):
    before = home.permit.read_text(), home.limits.read_text()
    with pytest.raises(UsedWrongly):
        grant(home.root, OPERATOR, replace(TERMS, caps=caps))
    assert (home.permit.read_text(), home.limits.read_text()) == before


def config(**changes):
    lines = [f"{key} = {json.dumps(value)}" for key, value in (CHAIN | changes).items() if value]
    text = "\n".join(["[chain]", *lines, "[keys]", f'operator = "{GUARDIAN}"'])
    return parse(text, Home)


def birth():
    return permit.Birth(WALLET, GUARDIAN, WALLET, bytes(32), (), bytes(32), 0, 0)


def every_call():
    """All that our own strategies can ask for, in every kind of moment."""
    tools = Tools(LeaseMarket(PLACES.lease_market, PLACES.token, GUARDIAN))
    for name, seen in moments().items():
        for strategy in (make_thrift({}, tools), make_keeper({}, tools)):
            for action in strategy.propose(seen):
                for call in action.calls:
                    yield name, call


def verdict(call, body):
    who = Who(WALLET, WALLET, GUARDIAN, PLACES.registry, 31337, 7)
    intent = Intent("1.0", 1, "act", call)
    return judge(intent, Fees(Wei(10**9), Wei(1)), (), 0, limits_file.parse(body), who=who)


RICH = replace(TERMS, caps=Caps(1e12, 1e12, 1e12, 1e6, 1e6, 1e6))


def test_limits_cover_every_call_that_our_strategies_can_make():
    body = limits_body(config(), birth(), RICH)
    calls = list(every_call())
    assert len(calls) > 50
    for name, call in calls:
        assert not isinstance(verdict(call, body), Refused), (name, call)


def test_limits_cover_nothing_else():
    body = limits_body(config(), birth(), RICH)
    asked = {(call.to, call.function) for _, call in every_call()}
    assert {(rule["to"], rule["function"]) for rule in body["rules"]} == asked
    assert {function for _, function in asked} == {OPEN, EXTEND, CLOSE, PERFORM, BUY}
    assert body["payees"] == [GUARDIAN]
    assert body["tokens"].keys() == {PLACES.token}


def test_contracts_that_are_not_there_are_not_in_the_limits():
    body = limits_body(config(job_board=None, gas_station=None), birth(), RICH)
    assert {rule["function"] for rule in body["rules"]} == {OPEN, EXTEND, CLOSE}


def test_nobody_but_the_operator_may_guard_a_lease():
    """Whoever guards a lease may close it and keep what is left in it."""
    body = limits_body(config(), birth(), RICH)
    [call] = {call for name, call in every_call() if call.function == OPEN and name == "dead lease"}
    assert not isinstance(verdict(call, body), Refused)
    for guard in (Address("0x" + "66" * 20), WALLET, PLACES.lease_market, "$wallet", 0, None):
        args = [guard if arg == GUARDIAN else arg for arg in call.args]
        found_ = verdict(replace(call, args=tuple(args)), body)
        assert isinstance(found_, Refused)
        assert found_.reason == "payee"


def test_a_pull_of_another_token_or_to_another_place_is_refused():
    body = limits_body(config(), birth(), RICH)
    call = next(call for _, call in every_call() if call.function == EXTEND)
    elsewhere = replace(call, to=WALLET)
    assert verdict(elsewhere, body).reason == "target"
    other = replace(call, pull=replace(call.pull, token=PLACES.lease_market))
    assert verdict(other, body).reason == "token"
    dear = replace(call, pull=replace(call.pull, value=Micro(10**19)))
    assert verdict(dear, body).reason == "per_action"


def of_traders(use=("trader", "saver")):
    """The config and every call of those who trade and save."""
    tables = {
        "chain": CHAIN,
        "keys": {"operator": GUARDIAN},
        "strategies.trader": TRADER,
        "strategies.saver": SAVER,
    }
    lines = [f"use = {json.dumps(list(use))}"]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    tools = Tools(LeaseMarket(PLACES.lease_market, PLACES.token, GUARDIAN))
    calls = [
        (name, call)
        for name, seen in moments().items()
        for strategy in (make_trader(TRADER, tools), make_saver(SAVER, tools))
        for action in strategy.propose(seen)
        for call in action.calls
    ]
    return parse("\n".join(lines), Home), calls


def test_limits_cover_every_call_of_those_who_trade_and_save_and_nothing_else():
    configured, calls = of_traders()
    body = limits_body(configured, birth(), RICH)
    assert len(calls) > 50
    for name, call in calls:
        assert not isinstance(verdict(call, body), Refused), (name, call)
    asked = {(call.to, call.function) for _, call in calls}
    assert {(rule["to"], rule["function"]) for rule in body["rules"]} == asked
    assert {function for _, function in asked} == {SWAP, DEPOSIT, REDEEM}
    assert body["payees"] == [GUARDIAN]
    assert {rule["function"]: rule["payees"] for rule in body["rules"]} == {
        SWAP: [TRADER["pair"]],
        DEPOSIT: [SAVER["vault"]],
        REDEEM: [WALLET],
    }
    assert body["tokens"].keys() == {PLACES.token, TRADER["other"]}
    assert body["tokens"][TRADER["other"]]["per_hour"] == "20000000"


@pytest.mark.parametrize("function", [SWAP, DEPOSIT, REDEEM])
def test_whom_a_trade_or_a_vault_pays_is_in_the_limits(function):
    configured, calls = of_traders()
    body = limits_body(configured, birth(), RICH)
    call = next(call for _, call in calls if call.function == function)
    own = call.args[1]
    for payee in (Address("0x" + "66" * 20), GUARDIAN, TRADER["pair"], SAVER["vault"], "$wallet"):
        found_ = verdict(replace(call, args=(call.args[0], payee, *call.args[2:])), body)
        assert isinstance(found_, Refused) == (payee != own), payee
        assert payee == own or found_.reason == "payee"


def test_whom_a_vault_pays_may_guard_no_lease():
    """Whoever guards a lease may close it and keep what is left: savings open no other purse."""
    configured, calls = of_traders(use=["thrift", "trader", "saver"])
    body = limits_body(configured, birth(), RICH)
    assert any(call.function == REDEEM for _, call in calls)
    [call] = {call for name, call in every_call() if call.function == OPEN and name == "dead lease"}
    assert not isinstance(verdict(call, body), Refused)
    for guard in ("$wallet", WALLET, SAVER["vault"], TRADER["pair"]):
        args = tuple(guard if arg == GUARDIAN else arg for arg in call.args)
        found_ = verdict(replace(call, args=args), body)
        assert isinstance(found_, Refused)
        assert found_.reason == "payee"


def test_the_other_token_has_caps_of_its_own():
    configured, calls = of_traders()
    body = limits_body(configured, birth(), RICH)
    sale = next(call for _, call in calls if call.pull and call.pull.token == TRADER["other"])
    dear = replace(sale, pull=replace(sale.pull, value=Micro(5_000_001)))
    found_ = verdict(dear, body)
    assert isinstance(found_, Refused)
    assert (found_.reason, found_.facts["asset"]) == ("per_action", TRADER["other"])
