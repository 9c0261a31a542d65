"""Typed data: the digests are those of everyone else, and nobody signs for another."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from desks import DOMAIN, LOG, OPERATOR, STRANGER, WALLET
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chain import permit
from chain.keys import Key, NotASignature, recover

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MESSAGES = [
    permit.Birth(
        WALLET.address, OPERATOR.address, LOG.address, b"g" * 32, (1, 2**53), b"s" * 32, 9, 2**40
    ),
    permit.Birth(WALLET.address, OPERATOR.address, LOG.address, b"g" * 32, (), b"s" * 32, 0, 1),
    permit.Resume(3, 4),
    permit.Limits(0, 7, b"d" * 32),
    permit.Checkpoint(1, 2, 3, b"r" * 32, b"p" * 32),
    permit.Access(5, STRANGER.address, 1_700_000_000, b"q" * 32),
    permit.Receive(WALLET.address, STRANGER.address, 10**6, 0, 2**40, b"n" * 32),
    permit.Transfer(WALLET.address, STRANGER.address, 10**6, 0, 2**40, b"n" * 32),
]


def elsewhere(message: permit.Message) -> bytes:
    """The digest as eth-account makes it."""
    kind, members = permit.TYPES[type(message)].rstrip(")").split("(")
    typed = [dict(zip(("type", "name"), m.split(" "), strict=True)) for m in members.split(",")]
    values = [getattr(message, f.name) for f in fields(message)]
    values = [list(v) if isinstance(v, tuple) else v for v in values]
    signable = encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                kind: typed,
            },
            "primaryType": kind,
            "domain": {
                "name": "Forager",
                "version": "1",
                "chainId": DOMAIN.chain_id,
                "verifyingContract": DOMAIN.contract,
            },
            "message": {m["name"]: v for m, v in zip(typed, values, strict=True)},
        }
    )
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_digest_is_what_eth_account_makes_of_it(message):
    assert permit.digest(DOMAIN, message) == elsewhere(message)


@given(
    parents=st.lists(st.integers(0, 2**64 - 1), max_size=8),
    nonce=st.integers(0, 2**256 - 1),
    deadline=st.integers(0, 2**64 - 1),
    seed=st.binary(min_size=32, max_size=32),
)
def test_any_birth_digests_as_elsewhere(parents, nonce, deadline, seed):
    birth = replace(MESSAGES[0], parents=tuple(parents), nonce=nonce, deadline=deadline, seed=seed)
    assert permit.digest(DOMAIN, birth) == elsewhere(birth)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_signature_names_its_signer_and_counts_in_one_place(message):
    signature = permit.sign(OPERATOR, DOMAIN, message)
    assert permit.signed_by(DOMAIN, message, signature) == OPERATOR.address
    for other in (replace(DOMAIN, chain_id=1), replace(DOMAIN, contract=STRANGER.address)):
        assert permit.signed_by(other, message, signature) != OPERATOR.address
    assert signature == permit.sign(OPERATOR, DOMAIN, message)


def test_eth_account_recovers_what_we_sign():
    digest = permit.digest(DOMAIN, MESSAGES[2])
    assert Account._recover_hash(digest, signature=OPERATOR.sign(digest)) == OPERATOR.address


def test_a_malleable_or_malformed_signature_is_nobodys():
    digest = permit.digest(DOMAIN, MESSAGES[2])
    good = OPERATOR.sign(digest)
    s = ORDER - int.from_bytes(good[32:64], "big")
    high = good[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - good[64]])
    for bad in (high, good[:64], good[:64] + b"\x00", bytes(65), good[:64] + b"\x1d", b""):
        with pytest.raises(NotASignature):
            recover(digest, bad)
        assert permit.signed_by(DOMAIN, MESSAGES[2], bad) is None


def test_a_birth_survives_its_file_and_its_arguments():
    birth, signature = MESSAGES[0], OPERATOR.sign(b"x" * 32)
    assert permit.birth_from_json(permit.birth_to_json(birth, signature)) == (birth, signature)
    assert permit.birth_from_args(permit.birth_args(birth, signature)) == (birth, signature)


@pytest.mark.parametrize("field", ["genome", "seed", "wallet", "parents", "nonce", "signature"])
def test_a_birth_file_that_is_not_one_is_refused(field):
    data = permit.birth_to_json(MESSAGES[0], b"s" * 65)
    with pytest.raises((ValueError, TypeError)):
        permit.birth_from_json({**data, field: "0x12zz"})


@given(st.binary(min_size=32, max_size=32), st.integers(1, ORDER - 1))
def test_any_key_signs_low_and_is_recovered(digest, secret):
    key = Key(secret.to_bytes(32, "big"))
    signature = key.sign(digest)
    assert int.from_bytes(signature[32:64], "big") <= ORDER // 2
    assert recover(digest, signature) == key.address
