from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from chain import abi, contracts, events, reverts
from chain.answers import Log
from chain.errors import NodeRefused
from strategies import quotes, rounds, saver, trader
from world import bank, exchange, newsroom

BOARD = to_checksum_address("0x00000000000000000000000000000000000000bb")


def test_a_signature_comes_apart_at_its_tuples():
    parsed = abi.function(
        "openJobs(uint256,(address,bytes)[])(uint256[],(address,(bool,int8)),bool)"
    )
    assert parsed.inputs == ("uint256", "(address,bytes)[]")
    assert parsed.outputs == ("uint256[]", "(address,(bool,int8))", "bool")
    assert abi.function("transfer(address,uint256)").selector.hex() == "a9059cbb"
    assert abi.function("count()").outputs == ()


@pytest.mark.parametrize("text", ["f", "f(", "f(uint256", "f()x", "f()(uint256)y"])
def test_a_broken_signature_is_refused(text):
    with pytest.raises(ValueError):
        abi.function(text)


TYPES = ("uint256", "address", "bytes32", "bytes", "string", "(bool,int64[])[]", "address[2]")


@given(
    number=st.integers(0, 2**256 - 1),
    blob=st.binary(max_size=70),
    text=st.text(max_size=20),
    rows=st.lists(st.tuples(st.booleans(), st.lists(st.integers(-(2**63), 2**63 - 1)))),
)
def test_what_goes_out_comes_back_as_json(number, blob, text, rows):
    values = [
        number,
        BOARD,
        "0x" + "0c" * 32,
        "0x" + blob.hex(),
        text,
        [list(row) for row in rows],
        [BOARD, BOARD],
    ]
    assert abi.decode(TYPES, abi.encode(TYPES, values)) == values


def test_an_event_has_its_parameters_by_name():
    log = Log(
        address=BOARD,
        topics=(events.topic("JobBoard", "JobDone"), events.indexed(7), events.indexed(BOARD)),
        data="0x" + abi.encode(["uint256"], [500]).hex(),
        block=1,
        block_hash="0x",
        transaction="0x",
        index=0,
    )
    event = events.decode("JobBoard", log)
    assert event is not None
    assert event.name == "JobDone"
    assert event.args["job"] == 7
    assert event.args["reward"] == 500
    assert str(event.args["by"]).lower() == BOARD.lower()


def test_an_event_of_another_contract_is_nothing():
    log = Log(BOARD, ("0x" + "00" * 32,), "0x", 1, "0x", "0x", 0)
    assert events.decode("JobBoard", log) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0x08c379a0" + abi.encode(["string"], ["too late"]).hex(), "too late"),
        ("0x4e487b71" + abi.encode(["uint256"], [0x11]).hex(), "panic 0x11"),
        ("0x" + abi.function("NotOpen()").selector.hex(), "NotOpen()"),
        ("0x12345678", "0x12345678"),
        ("0x08c379a0ff", "0x08c379a0ff"),
        ("0x", "0x"),
    ],
)
def test_a_revert_is_put_into_words(data, reason):
    assert reverts.reason(data) == reason


def test_without_data_the_nodes_words_stand():
    assert reverts.why(NodeRefused("eth_call", 3, "execution reverted")) == "execution reverted"


@pytest.mark.parametrize(
    "signature",
    [
        contracts.BIRTH,
        contracts.ANCHOR,
        contracts.SERVE,
        contracts.HALT,
        contracts.END,
        contracts.AGENT_OF,
        contracts.LIFE_OF,
        contracts.PARENTS_OF,
        contracts.URI_OF,
    ],
)
def test_the_registrys_functions_are_those_of_its_artifact(signature):
    known = contracts.signature("AgentRegistry", signature.partition("(")[0])
    assert known.startswith(signature)


@pytest.mark.parametrize(
    "signature",
    [
        contracts.BALANCE_OF,
        contracts.ALLOWANCE,
        contracts.APPROVE,
        contracts.TRANSFER,
        contracts.MINT,
    ],
)
def test_the_tokens_functions_are_those_of_its_artifact(signature):
    assert contracts.signature("TestDollar", signature.partition("(")[0]).startswith(signature)


@pytest.mark.parametrize(
    ("contract", "signature"),
    [
        ("SwapDesk", trader.SWAP),
        ("SwapDesk", exchange.OBSERVE),
        ("VaultDesk", saver.DEPOSIT),
        ("VaultDesk", bank.OBSERVE),
        ("Vault", saver.REDEEM),
        ("Vault", saver.MAX_REDEEM),
        ("Vault", saver.MAX_DEPOSIT),
        ("Vault", saver.PREVIEW_DEPOSIT),
        ("Vault", saver.PREVIEW_REDEEM),
        ("Vault", bank.DEPOSIT),
        ("Vault", bank.DRIP),
        ("Vault", bank.TOTAL),
    ],
)
def test_the_desks_and_the_vaults_functions_are_those_of_their_artifacts(contract, signature):
    assert contracts.signature(contract, signature.partition("(")[0]).startswith(signature)


@pytest.mark.parametrize("desk", ["SwapDesk", "VaultDesk"])
def test_a_diary_is_read_as_it_is_written(desk):
    assert contracts.signature(desk, "history") == quotes.HISTORY


@pytest.mark.parametrize("signature", [rounds.COUNT, rounds.ROUNDS, rounds.STAKES, newsroom.ROUND])
def test_the_forecast_boards_views_are_those_of_its_artifact(signature):
    assert contracts.signature("ForecastBoard", signature.partition("(")[0]) == signature


@pytest.mark.parametrize(
    "signature",
    [rounds.FORECAST, rounds.CLAIM, newsroom.OPEN, newsroom.RESOLVE],
)
def test_the_forecast_boards_functions_are_those_of_its_artifact(signature):
    assert contracts.signature("ForecastBoard", signature.partition("(")[0]).startswith(signature)


def test_a_life_has_the_fields_of_the_struct():
    entry = next(
        each for each in contracts.contracts.abi("AgentRegistry") if each.get("name") == "lifeOf"
    )
    names = [each["name"] for each in entry["outputs"][0]["components"]]
    assert [name.lower() for name in names] == [
        name.replace("_", "") for name in contracts.Life._fields
    ]
