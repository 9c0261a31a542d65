"""A secp256k1 key that signs 32-byte digests, and its inverse. Nothing here prints a secret."""

from __future__ import annotations

from typing import Final

import coincurve
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.types import Address

HALF_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2
SIGNATURE_BYTES: Final = 65
ELECTRUM: Final = 27


class NotASignature(ValueError):
    """These bytes are not a low-s signature of anybody."""


class Key:
    """A private key that can sign and say its address, and nothing else."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        self._key = coincurve.PrivateKey(secret)
        self.address = _address(self._key.public_key)

    def __repr__(self) -> str:
        return f"Key({self.address})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not copied")

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r, s, v with v of 27 or 28; deterministic and low-s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + ELECTRUM])


def recover(digest: bytes, signature: bytes) -> Address:
    """Who signed this digest; raises `NotASignature` for anything malleable or malformed."""
    if len(signature) != SIGNATURE_BYTES or signature[64] not in (ELECTRUM, ELECTRUM + 1):
        raise NotASignature
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise NotASignature
    plain = signature[:64] + bytes([signature[64] - ELECTRUM])
    try:
        public = coincurve.PublicKey.from_signature_and_message(plain, digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception
        raise NotASignature from error
    return _address(public)


def _address(public: coincurve.PublicKey) -> Address:
    return Address(to_checksum_address(keccak(public.format(compressed=False)[1:])[-20:]))
