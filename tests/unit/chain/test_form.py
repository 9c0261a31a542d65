"""One form for what is signed, told and read again; its limits are those that the format names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desks import MARKET, TOKEN

from chain.form import LONGEST_CALL, BadCall, as_json, check
from chain.types import SALT, WALLET, Address, Call, Micro, Pull, Wei

NAME = "f" * (256 - len("(uint256)"))
TAKE = "take(address,uint256,uint256,bytes)"
SPACE = LONGEST_CALL - len(as_json(Call(MARKET, "say(string)", ("",))))
ETHER = Call(MARKET, "")
TAKEN = Call(MARKET, TAKE, (WALLET,), pull=Pull(TOKEN, Micro(5), 999))


def nested(levels: int) -> Call:
    """The function's own parentheses count as well."""
    arg = 1
    for _ in range(levels - 1):
        arg = [arg]
    return Call(MARKET, "f" + "(" * levels + "uint8" + ")" * levels, (arg,))


FITS = {
    "plain ether": replace(ETHER, value=Wei(2**256 - 1)),
    "256 characters": Call(MARKET, f"{NAME}(uint256)", (1,)),
    "16 parentheses": nested(16),
    "16 brackets": Call(MARKET, f"f(bool{'[]' * 16})", ([],)),
    "16 KiB": Call(MARKET, "say(string)", ("x" * SPACE,)),
    "the least integer": Call(MARKET, "f(int256,int8)", (-(2**255), -128)),
    "the largest integer": Call(MARKET, "f(uint256,int256)", (2**256 - 1, 2**255 - 1)),
    "what the signer fills": Call(MARKET, "f(address,bytes32,bytes)", (WALLET, SALT, SALT)),
    "no bytes": Call(MARKET, "f(bytes)", ("0x",)),
    "digits of both cases": Call(MARKET, "f(bytes2)", ("0xaBCd",)),
    "a pull": TAKEN,
}
MISFITS = {
    "257 characters": Call(MARKET, f"{NAME}f(uint256)", (1,)),
    "17 parentheses": nested(17),
    "17 brackets": Call(MARKET, f"f(bool{'[]' * 17})", ([],)),
    "a fixed array": Call(MARKET, "add_liquidity(uint256[2],uint256)", ([1, 2], 3)),
    "a fixed array within": Call(MARKET, "f((bool[1])[])", ([],)),
    "a byte more than 16 KiB": Call(MARKET, "say(string)", ("x" * (SPACE + 1),)),
    "16 KiB in fewer characters": Call(MARKET, "say(string)", ("é" * (SPACE // 2 + 1),)),
    "spaces in hex": Call(MARKET, "f(bytes)", ("0x12 34",)),
    "half a byte": Call(MARKET, "f(bytes)", ("0x123",)),
    "hex of another kind": Call(MARKET, "f(bytes)", ("0X12",)),
    "a line's end": Call(MARKET, "f(bytes)", ("0x12\n",)),
    "too small": Call(MARKET, "f(int8)", (-129,)),
    "too large": Call(MARKET, "f(int8)", (128,)),
    "a salt that is no word": Call(MARKET, "f(bytes31)", (SALT,)),
    "arguments for ether": replace(ETHER, args=(1,)),
    "too much ether": replace(ETHER, value=Wei(2**256)),
    "less than none": replace(ETHER, value=Wei(-1)),
    "gas beyond counting": replace(ETHER, gas=2**53),
    "an address that is none": replace(ETHER, to=Address("0x12")),
    "a pull of plain ether": replace(TAKEN, function="", args=()),
    "a pull by another function": replace(TAKEN, function="f(address)"),
    "a pull that nobody pays": replace(TAKEN, function="f(uint256,uint256,bytes)", args=()),
    "a pull with its own proof": replace(TAKEN, args=(WALLET, 0, 999, "0x")),
    "a pull of no token": replace(TAKEN, pull=Pull(Address(""), Micro(5), 999)),
    "a pull for ever": replace(TAKEN, pull=Pull(TOKEN, Micro(5), 2**256)),
}


@pytest.mark.parametrize("name", FITS)
def test_a_call_may_reach_the_limits(name, shallow):
    check(FITS[name])


@pytest.mark.parametrize("name", MISFITS)
def test_a_call_beyond_them_is_none(name, shallow):
    with pytest.raises(BadCall):
        check(MISFITS[name])
