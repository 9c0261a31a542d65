"""The one kind of content identifier this format uses: CIDv1, dag-cbor, sha2-256, in base32.

Files have a second one, whose blocks are the files' own bytes; logs never have.
"""

from __future__ import annotations

import re
from base64 import b32decode
from hashlib import sha256
from typing import Final, NewType

from telemetry.errors import BadCid

Cid = NewType("Cid", str)

PREFIX: Final = b"\x01\x71\x12\x20"
"""CID version 1, dag-cbor, sha2-256, 32 bytes."""
RAW: Final = b"\x01\x55\x12\x20"
"""The same of a part of a file: bytes as they are."""
DIGEST_LENGTH: Final = 32
BINARY_LENGTH: Final = len(PREFIX) + DIGEST_LENGTH
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]
"""Base32, two letters at a time: five times as fast as the standard library's, and used often."""
_TEN_BITS: Final = 1023
_SPARE_BITS: Final = 2
_PLACES: Final = range(8 * BINARY_LENGTH + _SPARE_BITS - 10, -1, -10)
_FORM: Final = re.compile("bafyrei[a-z2-7]{51}[aeimquy4]")
"""The last letter has two spare bits, which must be zero, or one block would have many names."""


def cid_of(block: bytes) -> Cid:
    """Name a block by its content."""
    return from_digest(sha256(block).digest())


def from_digest(digest: bytes, kind: bytes = PREFIX) -> Cid:
    """Name a block by the SHA-256 of its content."""
    if len(digest) != DIGEST_LENGTH:
        raise BadCid(digest=digest.hex())
    number = int.from_bytes(kind + digest, "big") << _SPARE_BITS
    return Cid("b" + "".join([_PAIRS[number >> place & _TEN_BITS] for place in _PLACES]))


def digest_of(cid: str) -> bytes:
    """Return the SHA-256 that a CID states; any other form of identifier is refused."""
    if not _FORM.fullmatch(cid):
        raise BadCid(cid=cid[:80])
    raw = b32decode(cid[1:].upper() + "=" * 6)
    if not raw.startswith(PREFIX):
        raise BadCid(cid=cid)
    return raw[len(PREFIX) :]


def to_binary(cid: Cid) -> bytes:
    """Return the 36 bytes that CARs and links hold."""
    return PREFIX + digest_of(cid)


def from_binary(raw: bytes) -> Cid:
    """Read the 36 bytes that CARs and links hold."""
    if len(raw) != BINARY_LENGTH or not raw.startswith(PREFIX):
        raise BadCid(binary=raw[:64].hex())
    return from_digest(raw[len(PREFIX) :])
