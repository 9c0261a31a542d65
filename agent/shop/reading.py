"""What strangers send in x402's headers: read strictly into typed fields, or refused.

Nothing of it is passed on as it came.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from eth_utils.address import to_checksum_address

from agent.shop.wire import SCHEME, VERSION, Payment, Terms
from chain.types import Address, Micro

LONGEST: Final = 16 * 1024
"""Of a header; servers take less."""
_SIGNATURE_BYTES: Final = 65
_NONCE_BYTES: Final = 32
_ADDRESS_BYTES: Final = 20
_AMOUNT: Final = re.compile(r"0|[1-9][0-9]{0,77}")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{16,128}")
_MOST: Final = 2**256


def read_payment(header: str) -> Payment | None:
    """The payment in a header; None if it is anything but one, in this version and scheme."""
    if len(header) > LONGEST:
        return None
    try:
        return read_plain(json.loads(base64.b64decode(header, validate=True)))
    except (binascii.Error, ValueError, RecursionError):
        return None


def read_plain(said: Any) -> Payment | None:
    """The same, taken out of its header."""
    match said:
        case {
            "x402Version": int(version),
            "accepted": dict(accepted),
            "payload": {"signature": signature, "authorization": dict(signed)},
        } if version == VERSION:
            pass
        case _:
            return None
    try:
        return Payment(
            accepted=_terms(accepted),
            payer=_address(signed["from"]),
            to=_address(signed["to"]),
            value=_amount(signed["value"]),
            valid_after=_amount(signed["validAfter"]),
            valid_before=_amount(signed["validBefore"]),
            nonce=_hex(signed["nonce"], _NONCE_BYTES),
            signature=_hex(signature, _SIGNATURE_BYTES),
            name=_name(said.get("extensions")),
        )
    except (KeyError, ValueError):
        return None


def read_terms(said: Any) -> Terms | None:
    """Terms of this scheme; None for anything else."""
    try:
        return _terms(said) if isinstance(said, dict) else None
    except (KeyError, ValueError):
        return None


def _terms(said: Mapping[str, Any]) -> Terms:
    timeout_s, extra = said["maxTimeoutSeconds"], said["extra"]
    if said["scheme"] != SCHEME or type(timeout_s) is not int or not isinstance(extra, dict):
        raise ValueError("terms")
    return Terms(
        network=_text(said["network"]),
        asset=_address(said["asset"]),
        amount=Micro(_amount(said["amount"])),
        pay_to=_address(said["payTo"]),
        timeout_s=timeout_s,
        name=_text(extra["name"]),
        version=_text(extra["version"]),
    )


def _name(extensions: Any) -> str:
    """A buyer may leave it out, not misspell it: he counts on it."""
    match extensions:
        case {"payment-identifier": {"info": {"id": name}}}:
            if not _NAME.fullmatch(_text(name)):
                raise ValueError("name")
            return _text(name)
    return ""


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("text")
    return value


def _amount(value: Any) -> int:
    if type(value) is not str or not _AMOUNT.fullmatch(value) or int(value) >= _MOST:
        raise ValueError("amount")
    return int(value)


def _hex(value: Any, length: int) -> str:
    if type(value) is not str or len(value) != 2 + 2 * length or not _HEX.fullmatch(value):
        raise ValueError("hex")
    return value.lower()


def _address(value: Any) -> Address:
    return Address(to_checksum_address(_hex(value, _ADDRESS_BYTES)))
