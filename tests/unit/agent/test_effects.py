"""What a strategy may propose can be signed, told and read again, byte for byte."""

from __future__ import annotations

import json

import pytest
from desks import MARKET, TOKEN, WALLET
from hypothesis import given
from hypothesis import strategies as st

from agent import bounds
from agent.effects import sent_body
from agent.errors import PluginFailed
from chain import wire
from chain.calldata import BadCall, Filling, calldata
from chain.permit import Domain
from chain.types import SALT, Attempt, Call, Entry, Fees, Intent, Micro, Pull, Wei
from chain.types import WALLET as PAYER
from strategies.port import Action
from telemetry.auditing.calls import Told, callprint, told_call
from telemetry.record import NO_PREV, BlockRef, Record

BITS = st.integers(1, 32).map(lambda n: 8 * n)
DOLLAR = Domain(31337, TOKEN, "Test Dollar", "1")
BLOCK = BlockRef(31337, 1, "0x" + "0" * 64)
WORDS = ("-0", "-5", "5", "0x12 34", "0x123", "0X12", "", SALT, PAYER, "\ud800")
NUMBERS = (None, True, 1.0, -1, 2**53, -(2**53), 2**256, -(2**255))
LISTS = ([], [1, 2], {"a": 1})
NONSENSE = st.sampled_from((*WORDS, *NUMBERS, *LISTS))


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


@st.composite
def integers(draw, kind, low, high, bits):
    near = st.sampled_from((low, high - 1, 0, 1, min(2**53, high - 1), max(-(2**53), low)))
    return f"{kind}{bits}", draw(st.integers(low, high - 1) | near)


def basics():
    """A type and a value of it."""
    raw = st.binary(max_size=40).map(hexed)
    return st.one_of(
        BITS.flatmap(lambda n: integers("uint", 0, 2**n, n)),
        BITS.flatmap(lambda n: integers("int", -(2 ** (n - 1)), 2 ** (n - 1), n)),
        st.tuples(st.just("address"), st.binary(min_size=20, max_size=20).map(hexed)),
        st.sampled_from([("address", PAYER), ("bytes32", SALT), ("bytes", SALT)]),
        st.tuples(st.just("bool"), st.booleans()),
        st.tuples(st.just("bytes"), raw | raw.map(lambda text: "0x" + text[2:].upper())),
        st.binary(min_size=1, max_size=32).map(lambda b: (f"bytes{len(b)}", hexed(b))),
        st.tuples(st.just("string"), st.text(max_size=40)),
    )


def pairs():
    return st.recursive(
        basics(),
        lambda inner: st.one_of(
            st.tuples(inner, st.integers(0, 3)).map(
                lambda of: (f"{of[0][0]}[]", [of[0][1]] * of[1])
            ),
            st.lists(inner, min_size=1, max_size=3).map(
                lambda parts: (f"({','.join(kind for kind, _ in parts)})", [v for _, v in parts])
            ),
        ),
        max_leaves=5,
    )


@st.composite
def calls(draw):
    parts = draw(st.lists(pairs(), max_size=4))
    pull = None
    if draw(st.booleans()):
        parts.insert(0, ("address", PAYER))
        pull = Pull(TOKEN, Micro(draw(st.integers(0, 2**256 - 1))), draw(st.integers(0, 2**64)))
    proof = ["uint256", "uint256", "bytes"] if pull else []
    function = f"f({','.join([kind for kind, _ in parts] + proof)})"
    value, gas = Wei(draw(st.integers(0, 2**256 - 1))), draw(st.integers(0, 2**53 - 1))
    return Call(MARKET, function, tuple(arg for _, arg in parts), value, gas, pull)


@st.composite
def wild(draw):
    """Calls that are almost right, or not at all."""
    call = draw(calls())
    args = [draw(NONSENSE) if draw(st.booleans()) else arg for arg in call.args]
    function = call.function.replace("[]", draw(st.sampled_from(("[]", "[1]", "[][]"))), 1)
    return Call(call.to, function, tuple(args), call.value, call.gas, call.pull)


def propose(call: Call) -> None:
    bounds.actions("s", [Action("s.go", {}, "go", (call,))])


def is_told(call: Call) -> None:
    """Sign it, write it down, read the record, and compare the bytes."""
    intent = wire.intent_from_json(
        json.loads(json.dumps(wire.intent_to_json(Intent("1.0", 1, "act", call))))
    )
    data = calldata(intent.call, Filling(WALLET.address, "1.0"), DOLLAR, WALLET.sign)
    body = sent_body(Entry(intent, 3, (Attempt("0x" + "ab" * 32, "0x", Fees(Wei(1), Wei(1))),)))
    record = Record.decode(Record(1, 0, 1, BLOCK, NO_PREV, "effect", body).encode())
    told = told_call(record.body)
    assert Told.load(told.dump()) == told
    assert callprint(told, "1.0", WALLET.address).matches(data)


@given(calls())
def test_a_call_of_our_form_is_accepted_and_told_as_it_was_signed(call):
    if len(call.function) <= 256:
        propose(call)
        is_told(call)
    else:
        with pytest.raises(PluginFailed):
            propose(call)


@given(wild())
def test_whatever_is_accepted_is_told_as_it_was_signed(call):
    try:
        propose(call)
    except PluginFailed:
        with pytest.raises((BadCall, ValueError)):
            calldata(call, Filling(WALLET.address, "1.0"), DOLLAR, WALLET.sign)
    else:
        is_told(call)


def test_what_is_far_from_zero_is_told_as_text():
    call = Call(MARKET, "f(int256,int256,(uint256)[])", (-(2**53), 1 - 2**53, [[2**53]]))
    entry = Entry(Intent("1.0", 1, "act", call), 3, (Attempt("", "", Fees(Wei(1), Wei(1))),))
    assert sent_body(entry)["call"]["args"] == [str(-(2**53)), 1 - 2**53, [[str(2**53)]]]
