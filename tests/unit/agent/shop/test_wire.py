"""What is said in headers: read by the official package, and strangers' read by us, strictly."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from x402.http.utils import decode_payment_required_header, decode_payment_response_header

from agent.shop import wire
from agent.shop.reading import read_payment
from agent.shop.wire import Payment, Terms, encode
from chain.types import Address, Micro

TOKEN, WALLET, BUYER = (Address("0x" + digit * 40) for digit in "123")
TERMS = Terms("eip155:8453", TOKEN, Micro(5000), WALLET, 300, "USD Coin", "2")
PAYMENT = Payment(TERMS, BUYER, WALLET, 5000, 0, 2**31, "0x" + "ab" * 32, "0x" + "cd" * 65)


def test_the_official_package_reads_what_we_ask():
    said = wire.required(TERMS, "http://shop.example/infer", "payment_required")
    read = decode_payment_required_header(encode(said))
    [accepted] = read.accepts
    assert (accepted.amount, accepted.pay_to, accepted.asset) == ("5000", WALLET, TOKEN)
    assert (accepted.scheme, accepted.network) == ("exact", "eip155:8453")
    assert (read.x402_version, accepted.max_timeout_seconds) == (2, 300)
    assert accepted.extra == {"name": "USD Coin", "version": "2"}


def test_the_official_package_reads_what_was_paid():
    read = decode_payment_response_header(encode(wire.response(TERMS, BUYER, "0x" + "12" * 32)))
    assert (read.success, read.transaction, read.payer) == (True, "0x" + "12" * 32, BUYER)


def test_a_payment_is_read_as_it_was_meant():
    assert read_payment(encode(PAYMENT.plain())) == PAYMENT


def test_a_purchases_name_is_read_with_it():
    info = {"info": {"required": False, "id": "purchase-number-one"}}
    said = {**PAYMENT.plain(), "extensions": {"payment-identifier": info, "other": 1}}
    read = read_payment(encode(said))
    assert read is not None
    assert read.name == "purchase-number-one"


def told(path, value):
    """The payment's JSON with one thing changed, or taken out."""
    said = json.loads(json.dumps(PAYMENT.plain()))
    *above, last = path.split(".")
    place = said
    for key in above:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return said


SIGNED = "payload.authorization."
WRONG = [
    ("x402Version", 1),
    ("x402Version", "2"),
    ("x402Version", True),
    ("accepted", []),
    ("accepted.scheme", "upto"),
    ("accepted.amount", 5000),
    ("accepted.amount", "5e3"),
    ("accepted.amount", "05000"),
    ("accepted.amount", "-1"),
    ("accepted.amount", str(2**256)),
    ("accepted.amount", "9" * 5000),
    ("accepted.asset", "0x12"),
    ("accepted.payTo", None),
    ("accepted.maxTimeoutSeconds", "300"),
    ("accepted.maxTimeoutSeconds", True),
    ("accepted.extra", None),
    ("accepted.extra.name", 7),
    ("accepted.network", 8453),
    ("payload", None),
    ("payload.signature", "0x"),
    ("payload.signature", "0x" + "cd" * 66),
    ("payload.signature", "cd" * 65),
    (SIGNED + "from", "vitalik.eth"),
    (SIGNED + "nonce", "0x12"),
    (SIGNED + "nonce", 7),
    (SIGNED + "value", 5000),
    (SIGNED + "validBefore", 1e9),
    (SIGNED + "validAfter", None),
    ("extensions", {"payment-identifier": {"info": {"id": "short"}}}),
    ("extensions", {"payment-identifier": {"info": {"id": 7}}}),
    ("extensions", {"payment-identifier": {"info": {"id": "a b" * 9}}}),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_anything_else_is_no_payment(path, value):
    assert read_payment(encode(told(path, value))) is None


HEADERS = [
    "",
    "!",
    "e30",
    base64.b64encode(b"{}").decode(),
    base64.b64encode(b"[1,2").decode(),
    base64.b64encode(b"\xff\xfe").decode(),
    base64.b64encode(b"[" * 9000).decode(),
    base64.b64encode(b'{"x402Version":2,"accepted":{},"payload":{"authorization":{}}}').decode(),
    base64.b64encode(json.dumps(PAYMENT.plain()).encode()).decode() + " ",
    encode({**PAYMENT.plain(), "more": "x" * 20_000}),
]


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_garbage_is_no_payment(header):
    assert read_payment(header) is None


def deeper(inner):
    return st.lists(inner) | st.dictionaries(st.text(), inner)


@settings(max_examples=20)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), deeper))
def test_no_header_whatever_raises(said):
    for where in ("x402Version", "accepted", "payload", "extensions"):
        read_payment(encode({**PAYMENT.plain(), where: said}))
    read_payment(encode({"x": said}))
