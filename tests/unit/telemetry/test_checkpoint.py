"""A checkpoint is signed by the log key, in one form only."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from cbrrr import CID, encode_dag_cbor
from eth_account import Account
from eth_account.messages import encode_typed_data
from logs import DOMAIN, LOG_KEY

from chain.keys import Key
from chain.permit import digest
from telemetry.checkpoint import FIRST_PREV, MAX_RECORDS, Checkpoint, Domain, Head
from telemetry.cid import cid_of
from telemetry.errors import BadCheckpoint

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HEAD = Head(1, 0, 2, sha256(b"root").digest(), FIRST_PREV)
RECORDS = tuple(sha256(each).digest() for each in (b"a", b"b"))


def signed(head: Head = HEAD, key: Key = LOG_KEY) -> Checkpoint:
    return Checkpoint(head, RECORDS, key.sign(digest(DOMAIN, head)))


def test_another_implementation_of_eip_712_signs_the_same():
    types = {
        "Checkpoint": [
            {"name": "agent", "type": "uint256"},
            {"name": "epoch", "type": "uint64"},
            {"name": "size", "type": "uint64"},
            {"name": "root", "type": "bytes32"},
            {"name": "prev", "type": "bytes32"},
        ]
    }
    domain = {
        "name": "Forager",
        "version": "1",
        "chainId": DOMAIN.chain_id,
        "verifyingContract": DOMAIN.contract,
    }
    message = {"agent": 1, "epoch": 0, "size": 2, "root": HEAD.root, "prev": HEAD.prev}
    secret = sha256(b"log key").digest()
    theirs = Account.sign_message(encode_typed_data(domain, types, message), secret)
    assert bytes(theirs.signature) == signed().sig


def test_a_checkpoint_survives_its_block():
    checkpoint = signed()
    assert Checkpoint.decode(checkpoint.encode()) == checkpoint
    assert checkpoint.cid == cid_of(checkpoint.encode())


def test_only_the_log_key_on_its_chain_and_registry_has_signed():
    checkpoint = signed()
    assert checkpoint.signed_by(LOG_KEY.address, DOMAIN)
    assert checkpoint.signed_by(LOG_KEY.address.lower(), DOMAIN)
    assert not checkpoint.signed_by("0x" + "11" * 20, DOMAIN)
    assert not checkpoint.signed_by(LOG_KEY.address, replace(DOMAIN, chain_id=1))
    other = Domain(DOMAIN.chain_id, LOG_KEY.address)
    assert not checkpoint.signed_by(LOG_KEY.address, other)


@pytest.mark.parametrize(
    "change",
    [{"agent": 2}, {"epoch": 1}, {"size": 3}, {"root": bytes(32)}, {"prev": bytes([1] * 32)}],
    ids=repr,
)
def test_every_field_of_the_head_is_signed(change):
    checkpoint = signed()
    assert not replace(checkpoint, head=replace(HEAD, **change)).signed_by(LOG_KEY.address, DOMAIN)


def test_the_other_form_of_a_signature_is_refused():
    sig = signed().sig
    high = (ORDER - int.from_bytes(sig[32:64], "big")).to_bytes(32, "big")
    twin = sig[:32] + high + bytes([55 - sig[64]])
    assert not replace(signed(), sig=twin).signed_by(LOG_KEY.address, DOMAIN)


@pytest.mark.parametrize(
    "sig", [bytes(65), bytes([255] * 64) + b"\x1b", bytes(64) + b"\x00"], ids=["0", "255", "v"]
)
def test_noise_is_nobodys_signature(sig):
    assert replace(signed(), sig=sig).signer(DOMAIN) is None


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"more": 1},
        {"agent": -1},
        {"size": True},
        {"size": 1},
        {"root": bytes(31)},
        {"prev": bytes([1]) * 32},
        {"epoch": 1},
        {"records": []},
        {"records": [b"not a link"]},
        {"records": [CID(b"\x01\x55\x12\x20" + bytes(32))]},
        {"records": "text"},
        {"sig": bytes(64)},
        {"records": [CID(b"\x01\x71\x12\x20" + bytes(32))] * (MAX_RECORDS + 1), "size": 5000},
    ],
    ids=",".join,
)
def test_other_forms_are_not_checkpoints(change):
    fields = {
        "v": 1,
        "agent": 1,
        "epoch": 0,
        "size": 2,
        "root": HEAD.root,
        "prev": HEAD.prev,
        "records": [CID(b"\x01\x71\x12\x20" + sha256(x).digest()) for x in (b"a", b"b")],
        "sig": signed().sig,
    }
    assert Checkpoint.decode(encode_dag_cbor(fields)) == signed()
    with pytest.raises(BadCheckpoint):
        Checkpoint.decode(encode_dag_cbor(fields | change))


@pytest.mark.parametrize("block", [b"", b"\xa0", b"\x01", bytes(300_000)], ids=len)
def test_noise_is_no_checkpoint(block):
    with pytest.raises(BadCheckpoint):
        Checkpoint.decode(block)
