"""Typed calls become the bytes that every other encoder makes, or are refused."""

from __future__ import annotations

import hashlib

import pytest
from desks import MARKET, STRANGER, TOKEN, WALLET
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chain import permit
from chain.calldata import BadCall, Filling, calldata, selector
from chain.keys import recover
from chain.types import Address, Call, Micro, Pull

FILLING = Filling(WALLET.address, "4.0")
DOLLAR = permit.Domain(31337, TOKEN, "Test Dollar", "1")
TAKE = "topUpWithAuthorization(address,uint256,uint256,bytes32,uint256,uint256,bytes)"


def data(function: str, *args: object, pull: Pull | None = None, domain=DOLLAR) -> bytes:
    return calldata(Call(MARKET, function, args, pull=pull), FILLING, domain, WALLET.sign)


def test_a_well_known_call_has_its_well_known_bytes():
    assert data("transfer(address,uint256)", STRANGER.address, 5).hex() == (
        "a9059cbb" + STRANGER.address[2:].lower().rjust(64, "0") + f"{5:064x}"
    )


def test_nested_types_are_encoded_as_the_library_does():
    kinds = "((address,uint64[]),string,bool,int16,bytes,uint256[][])"
    args = (
        [STRANGER.address, [1, 2]],
        "$salt in prose",
        True,
        -5,
        "0x0102",
        [[1, 2], [3, 4]],
    )
    plain = (
        (STRANGER.address, [1, 2]),
        "$salt in prose",
        True,
        -5,
        b"\x01\x02",
        [[1, 2], [3, 4]],
    )
    types = ["(address,uint64[])", "string", "bool", "int16", "bytes", "uint256[][]"]
    assert data("f" + kinds, *args) == selector("f" + kinds) + encode(types, plain)


def test_no_function_is_plain_ether_and_no_arguments_are_a_selector():
    assert data("") == b""
    assert data("ping()") == keccak(text="ping()")[:4]


def test_the_salt_is_of_wallet_and_intent_so_a_retry_is_the_same_call():
    want = hashlib.sha256(bytes.fromhex(WALLET.address[2:]) + b"4.0").digest()
    assert data("f(bytes32)", "$salt")[4:] == want
    other = calldata(
        Call(MARKET, "f(bytes32)", ("$salt",)), Filling(WALLET.address, "4.1"), None, WALLET.sign
    )
    assert other[4:] != want


def test_the_wallet_fills_itself_in():
    assert data("f(address)", "$wallet")[-20:].hex() == WALLET.address[2:].lower()


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("f(uint)", (1,)),
        ("f(uint256 )", (1,)),
        ("f(uint256)x", (1,)),
        ("f", (1,)),
        ("(uint256)", (1,)),
        ("f g(uint256)", (1,)),
        ("f(uint256", (1,)),
        ("f(uint257)", (1,)),
        ("f(foo)", (1,)),
        ("f(uint256)", ()),
        ("f(uint256)", (1, 2)),
        ("f(uint256)", ("1",)),
        ("f(uint256)", (True,)),
        ("f(uint256)", (1.0,)),
        ("f(uint256)", (-1,)),
        ("f(uint256)", (2**256,)),
        ("f(uint8)", (256,)),
        ("f(uint256)", (None,)),
        ("f(bool)", (1,)),
        ("f(address)", ("0x12",)),
        ("f(address)", ("$salt",)),
        ("f(address)", ("vitalik.eth",)),
        ("f(bytes32)", ("0x12",)),
        ("f(bytes32)", ("12" * 32,)),
        ("f(bytes32)", ("$wallet",)),
        ("f(bytes)", ("0x1",)),
        ("f(string)", (5,)),
        ("f(uint256[2])", ([1, 2],)),
        ("f(bytes)", ("0x12 34",)),
        ("f(address)", (" ".join(("0x11", *["11"] * 19)),)),
        ("f(foo[])", ([],)),
        ("f(bool8)", (True,)),
        ("f(function)", ("0x" + "12" * 24,)),
        ("f(string)", ("\ud800",)),
        ("f(uint256[])", (1,)),
        ("f((uint256,bool))", ([1],)),
        ("", (1,)),
    ],
)
def test_what_does_not_fit_is_refused_and_never_guessed(function, args):
    with pytest.raises(BadCall):
        data(function, *args)


def test_a_pull_is_an_authorization_that_only_this_very_call_can_use():
    pull = Pull(TOKEN, Micro(70), 999)
    made = data(TAKE, "$wallet", 3, 70, "$salt", pull=pull)
    types = ["address", "uint256", "uint256", "bytes32"]
    salt = bytes.fromhex(FILLING.salt[2:])
    body = encode(types, [WALLET.address, 3, 70, salt])
    message = permit.Receive(WALLET.address, MARKET, 70, 0, 999, keccak(selector(TAKE) + body))
    signature = made[-96:-31]
    assert recover(permit.digest(DOLLAR, message), signature) == WALLET.address
    assert made == selector(TAKE) + encode(
        [*types, "uint256", "uint256", "bytes"],
        [WALLET.address, 3, 70, salt, 0, 999, signature],
    )


def test_a_pull_is_refused_for_another_payer_token_or_function():
    pull = Pull(TOKEN, Micro(70), 999)
    for function, args, domain in (
        (TAKE, (STRANGER.address, 3, 70, "$salt"), DOLLAR),
        (TAKE, ("$wallet", 3, 70, "$salt"), None),
        (TAKE, (), DOLLAR),
        ("f(address,uint256)", ("$wallet", 1), DOLLAR),
        ("f()", (), DOLLAR),
        ("", (), DOLLAR),
    ):
        with pytest.raises(BadCall):
            data(function, *args, pull=pull, domain=domain)


def test_an_address_may_be_written_in_any_case():
    lower = Address(STRANGER.address.lower())
    assert data("f(address)", lower) == data("f(address)", STRANGER.address)
