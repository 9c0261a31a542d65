"""The same CID in other people's spellings: base16, base36 and base58 beside our base32."""

from __future__ import annotations

import re
from typing import Final

from telemetry.cid import BINARY_LENGTH, Cid, digest_of, from_binary
from telemetry.errors import BadCid

_DIGITS: Final = "0123456789"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_NUMERALS: Final = {"f": _DIGITS + "abcdef", "k": _DIGITS + _LOWER, "z": _BASE58}
_ANY_CID: Final = re.compile(
    r"Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{7,200}|[fk][0-9a-z]{7,200}|z[1-9A-HJ-NP-Za-km-z]{7,200}"
)


def in_base32(text: str) -> Cid:
    """The name of one of our blocks, however spelt; `BadCid` for any other CID."""
    numerals = _NUMERALS.get(text[:1])
    if numerals is None or not _ANY_CID.fullmatch(text):
        digest_of(text)
        return Cid(text)
    value = 0
    for letter in text[1:]:
        place = numerals.find(letter)
        if place < 0:
            raise BadCid(cid=text[:80])
        value = value * len(numerals) + place
    try:
        return from_binary(value.to_bytes(BINARY_LENGTH, "big"))
    except OverflowError as error:
        raise BadCid(cid=text[:80]) from error


def looks_like_a_cid(text: str) -> bool:
    return _ANY_CID.fullmatch(text) is not None
