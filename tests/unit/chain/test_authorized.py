"""Which transfer belongs to which authorization: the next one, and never another's."""

from __future__ import annotations

import pytest

from chain.answers import Log
from chain.authorized import USED, authorized
from chain.contracts import TRANSFERRED

TOKEN = "0x" + "aa" * 20
PAYER, WALLET, OTHER = ("0x" + digit * 40 for digit in "123")
NONCE = "0x" + "77" * 32


def word(address):
    return "0x" + "00" * 12 + address[2:]


def used(payer=PAYER, nonce=NONCE, tx="0x01", token=TOKEN):
    return Log(token, (USED, word(payer), nonce), "0x", 5, "0xb", tx, 0)


def moved(to=WALLET, value=7, payer=PAYER, tx="0x01", token=TOKEN, data=None):
    topics = (TRANSFERRED, word(payer), word(to))
    return Log(token, topics, data or f"0x{value:064x}", 5, "0xb", tx, 0)


def found(*logs):
    return [(each.payer, each.nonce[-2:], each.payee, each.value) for each in authorized(logs)]


def test_an_authorization_moved_what_the_token_said_next():
    assert found(used(), moved()) == [(PAYER, "77", WALLET, 7)]


def test_a_nonce_signed_twice_moves_what_it_moved_and_not_what_another_did():
    other = "0x" + "88" * 32
    logs = (used(), moved(OTHER), used(nonce=other), moved())
    assert found(*logs) == [(PAYER, "77", OTHER, 7), (PAYER, "88", WALLET, 7)]


@pytest.mark.parametrize(
    "logs",
    [
        (moved(), used()),
        (used(), used(nonce="0x" + "88" * 32)),
        (moved(),),
        (used(), moved(tx="0x02")),
        (used(), moved(token=OTHER)),
        (used(), moved(payer=OTHER)),
        (used(), moved(data="0x")),
        (used(), moved(data="0xzz")),
        (Log(TOKEN, (USED, word(PAYER)), "0x", 5, "0xb", "0x01", 0), moved()),
    ],
)
def test_nothing_else_is_a_payment(logs):
    assert found(*logs) == []


def test_what_others_did_meanwhile_changes_nothing():
    logs = (used(), moved(payer=OTHER), moved(token=OTHER), moved())
    assert found(*logs) == [(PAYER, "77", WALLET, 7)]
