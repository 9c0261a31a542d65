"""A record's call is read strictly, and just what the signer encodes is read at all."""

from __future__ import annotations

from typing import Any

import pytest
from desks import MARKET, TOKEN, WALLET

from chain.calldata import Filling, calldata
from chain.types import Call
from telemetry.auditing.calls import Told, callprint, told_call
from telemetry.errors import BadRecord

FAR = -(10**18)


def body(function: str, *args: Any, **more: Any) -> dict[str, Any]:
    call = {"to": MARKET, "function": function, "args": list(args), "value": "0", "gas": 1}
    return {"call": call, **more}


READ = {
    "a negative amount": ("swap(address,int256)", ["$wallet", str(FAR)], ("$wallet", FAR)),
    "a small one": ("f(int24)", [-887272], (-887272,)),
    "a small one as text": ("f(int24)", ["-5"], (-5,)),
    "the least": ("f(int256)", [str(-(2**255))], (-(2**255),)),
    "nothing": ("f(int256)", ["0"], (0,)),
    "amounts within": ("f((int256,bool)[])", [[[str(FAR), True]]], ([[FAR, True]],)),
    "digits that are a text": ("f(string)", ["-5"], ("-5",)),
}


@pytest.mark.parametrize("name", READ)
def test_integers_are_numbers_or_canonical_decimals(name):
    function, args, held = READ[name]
    told = told_call(body(function, *args))
    assert told.args == held
    assert Told.load(told.dump()) == told
    data = calldata(Call(MARKET, function, held), Filling(WALLET.address, "1.0"), None, WALLET.sign)
    assert callprint(told, "1.0", WALLET.address).matches(data)


@pytest.mark.parametrize(
    "text",
    ["-0", "+5", "--5", "- 5", "-05", "05", "-5 ", "-5\n", "−5", "-٥", "-", "", "5.0", "0x5"],
)
@pytest.mark.parametrize("kind", ["int256", "uint256"])
def test_a_number_is_written_in_one_way(kind, text):
    with pytest.raises(BadRecord):
        told_call(body(f"f({kind})", text))


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("f(uint256)", ["-5"]),
        ("f(uint256)", [-5]),
        ("f(int8)", ["-129"]),
        ("f(int256)", [str(-(2**255) - 1)]),
        ("f(int256)", [True]),
        ("f(uint256[2])", [[1, 2]]),
        ("f(bytes)", ["0x12 34"]),
        ("f((bool,bool))", [[True]]),
        ("f((bool))", [[True, True]]),
        ("f((bool))", [True]),
        ("f(bool[])", [True]),
        ("f(bool)", []),
        ("f(bool)", [True, True]),
        ("", [1]),
        ("f(string)", ["x" * 16_384]),
        ("f" * 250 + "(uint8)", [1]),
    ],
)
def test_what_the_signer_would_not_encode_is_no_call(function, args):
    with pytest.raises(BadRecord):
        told_call(body(function, *args))


def test_ether_pulls_nothing():
    with pytest.raises(BadRecord):
        told_call(body("", pull={"token": TOKEN, "value": "5", "valid_before": 9}))
