"""A typed call becomes bytes: the only place where calldata is made, and it is made here alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from eth_abi.abi import encode
from eth_abi.exceptions import ABITypeError, EncodingError, ParseError
from eth_abi.grammar import ABIType, BasicType, TupleType, parse
from eth_utils.crypto import keccak

from chain.permit import Domain, Receive, digest
from chain.types import SALT, WALLET, Address, Call, Json, Pull

AUTHORIZATION: Final = ("uint256", "uint256", "bytes")
"""What a function that takes a `Pull` ends with: validAfter, validBefore, signature."""
VALID_AFTER: Final = 0
ADDRESS_BYTES: Final = 20


class BadCall(ValueError):
    """The arguments do not fit the function, or the function is not written canonically."""


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
    if not call.function:
        if call.args or call.pull:
            raise BadCall("plain ether carries no arguments")
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
    kinds = argument_types(call.function)
    if tuple(_text(kind) for kind in kinds[-3:]) != AUTHORIZATION:
        raise BadCall("the function takes no authorization")
    if not call.args or _filled(kinds[0], call.args[0], filling) != filling.wallet.lower():
        raise BadCall("only the wallet pays")
    return keccak(selector(call.function) + _encode(kinds[:-3], call.args, filling))


def proven(call: Call, pull: Pull, filling: Filling, signature: bytes) -> bytes:
    """The bytes of a call that pulls, with the wallet's signature."""
    proof = (VALID_AFTER, pull.valid_before, "0x" + signature.hex())
    kinds = argument_types(call.function)
    return selector(call.function) + _encode(kinds, (*call.args, *proof), filling)


@lru_cache(maxsize=256)
def argument_types(function: str) -> tuple[ABIType, ...]:
    """The types of `name(type,...)`; raises `BadCall` unless it is written canonically."""
    name = function.partition("(")[0]
    kinds = function[len(name) :]
    if not name.isidentifier() or not name.isascii():
        raise BadCall("not a canonical signature")
    if kinds == "()":
        return ()
    try:
        tree = parse(kinds)
        tree.validate()
    except (ParseError, ABITypeError, ValueError):
        raise BadCall("not a canonical signature") from None
    if not isinstance(tree, TupleType) or tree.arrlist or _text(tree) != kinds:
        raise BadCall("not a canonical signature")
    return tuple(tree.components)


def _text(kind: ABIType) -> str:
    return str(kind.to_type_str())  # type: ignore[no-untyped-call] # eth_abi gives it no types


def _encode(kinds: Sequence[ABIType], args: Sequence[Json], filling: Filling) -> bytes:
    if len(kinds) != len(args):
        raise BadCall("the number of arguments differs")
    values = [_filled(kind, arg, filling) for kind, arg in zip(kinds, args, strict=True)]
    try:
        return encode([_text(kind) for kind in kinds], values)
    except (EncodingError, ABITypeError, ValueError, TypeError):
        raise BadCall("an argument does not fit its type") from None


def _filled(kind: ABIType, value: Json, filling: Filling) -> object:
    """A JSON value as eth_abi takes it; nothing is guessed from text but bytes and addresses."""
    if kind.arrlist:
        if not isinstance(value, list | tuple):
            raise BadCall("a list was expected")
        return [_filled(kind.item_type, item, filling) for item in value]
    if isinstance(kind, TupleType):
        if not isinstance(value, list | tuple) or len(value) != len(kind.components):
            raise BadCall("a tuple was expected")
        return tuple(
            _filled(part, item, filling) for part, item in zip(kind.components, value, strict=True)
        )
    if not isinstance(kind, BasicType):
        raise BadCall("no such type")
    return _basic(kind, value, filling)


def _basic(kind: BasicType, value: Json, filling: Filling) -> object:
    match kind.base, value:
        case "address", str():
            return _address(filling.wallet if value == WALLET else value)
        case "bytes", str():
            return _bytes(filling.salt if value == SALT else value, kind.sub)
        case (("uint" | "int"), bool()):
            raise BadCall("a number was expected")
        case (("uint" | "int"), int()):
            return value
        case "bool", bool():
            return value
        case "string", str():
            return value
        case _:
            raise BadCall("an argument does not fit its type")


def _address(value: str) -> str:
    return "0x" + _bytes(value, ADDRESS_BYTES).hex()


def _bytes(value: str, size: int | None = None) -> bytes:
    """Of exactly the size when there is one: nothing is padded."""
    try:
        data = bytes.fromhex(value[2:]) if value.startswith("0x") else None
    except ValueError:
        data = None
    if data is None or (size is not None and len(data) != size):
        raise BadCall("bytes are written as 0x and hex, at full length")
    return data
