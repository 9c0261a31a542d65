"""A typed call becomes bytes: the only place where calldata is made, and it is made here alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode
from eth_abi.exceptions import ABITypeError, EncodingError
from eth_abi.grammar import ABIType, BasicType, TupleType
from eth_utils.crypto import keccak

from chain.form import BadCall, argument_types, check, given, type_text
from chain.permit import Domain, Receive, digest
from chain.types import SALT, WALLET, Address, Call, Json, Pull

__all__ = ["BadCall", "Filling", "authorization", "calldata", "proven", "selector"]

VALID_AFTER: Final = 0


@dataclass(frozen=True, slots=True)
class Filling:
    """What only the signer knows about a call."""

    wallet: Address
    intent_id: str

    @property
    def salt(self) -> str:
        text = bytes.fromhex(self.wallet[2:]) + self.intent_id.encode()
        return "0x" + hashlib.sha256(text).hexdigest()


Authorize = Callable[[bytes], bytes]
"""Signs a digest with the wallet's key."""


def selector(function: str) -> bytes:
    return keccak(text=function)[:4]


def calldata(call: Call, filling: Filling, domain: Domain | None, authorize: Authorize) -> bytes:
    """The bytes of a call. `domain` is the token's, needed for a `Pull` only."""
    check(call)
    if not call.function:
        return b""
    if call.pull is None:
        return selector(call.function) + _encode(argument_types(call.function), call.args, filling)
    if domain is None:
        raise BadCall("no such token")
    message = Receive(
        payer=filling.wallet,
        to=call.to,
        value=call.pull.value,
        valid_after=VALID_AFTER,
        valid_before=call.pull.valid_before,
        nonce=authorization(call, filling),
    )
    return proven(call, call.pull, filling, authorize(digest(domain, message)))


def authorization(call: Call, filling: Filling) -> bytes:
    """The EIP-3009 nonce of a call that pulls: the hash of all that it asks for."""
    kinds = given(call.function, pulls=True)
    if _filled(kinds[0], call.args[0], filling) != filling.wallet.lower():
        raise BadCall("only the wallet pays")
    return keccak(selector(call.function) + _encode(kinds, call.args, filling))


def proven(call: Call, pull: Pull, filling: Filling, signature: bytes) -> bytes:
    """The bytes of a call that pulls, with the wallet's signature."""
    proof = (VALID_AFTER, pull.valid_before, "0x" + signature.hex())
    kinds = argument_types(call.function)
    return selector(call.function) + _encode(kinds, (*call.args, *proof), filling)


def _encode(kinds: Sequence[ABIType], args: Sequence[Json], filling: Filling) -> bytes:
    values = [_filled(kind, arg, filling) for kind, arg in zip(kinds, args, strict=True)]
    try:
        return encode([type_text(kind) for kind in kinds], values)
    except (EncodingError, ABITypeError, ValueError, TypeError):
        raise BadCall("an argument does not fit its type") from None


def _filled(kind: ABIType, value: Any, filling: Filling) -> object:
    """A value that fits its type, as eth_abi takes it."""
    if kind.arrlist:
        item_type = kind.item_type
        return [_filled(item_type, item, filling) for item in value]
    if isinstance(kind, TupleType):
        pairs = zip(kind.components, value, strict=True)
        return tuple(_filled(part, item, filling) for part, item in pairs)
    match kind:
        case BasicType(base="address"):
            return (filling.wallet if value == WALLET else value).lower()
        case BasicType(base="bytes"):
            return bytes.fromhex((filling.salt if value == SALT else value)[2:])
        case _:
            return value
