"""A record's call, and what of it a transaction must show: pure, small, safe with hostile types."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from eth_abi.grammar import ABIType, BasicType, TupleType
from eth_utils.crypto import keccak

from chain.calldata import (
    AUTHORIZATION,
    BadCall,
    Filling,
    argument_types,
    authorization,
    calldata,
    proven,
)
from chain.halt import Who, fits
from chain.types import SALT, WALLET, Address, Call, Intent, Micro, Pull, Wei
from telemetry.auditing import body as read
from telemetry.auditing.body import Body
from telemetry.errors import BadRecord

_FIXED_ARRAY: Final = re.compile(r"\[\d")
_LONGEST_SIGNATURE: Final = 256
_LONGEST_CALL: Final = 16_384
"""Twice what the agent takes from a strategy."""
_MOST_DEPTH: Final = 16
"""Reading a signature, and encoding by it, takes longer with each level of tuples and arrays."""
_UNSIGNED: Final = bytes(65)
_SIGNATURE_TAIL: Final = 96
"""A 65-byte signature as the last dynamic argument fills the last three words of calldata."""
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,77}")
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_MISFIT: Final = "the arguments do not fit the function"


class Told(NamedTuple):
    """A call as a record tells it, of the form that its function asks for."""

    to: str
    function: str
    args: tuple[Any, ...]
    value: int
    pull: tuple[str, int, int] | None
    """Token, amount, and until when, of what is pulled by EIP-3009."""

    def dump(self) -> str:
        """As short text; what no call of ours could be is refused before it is held."""
        text = json.dumps(self, ensure_ascii=False)
        if len(text.encode()) > _LONGEST_CALL:
            raise BadRecord(why="a call longer than this format has", field="call")
        return text

    @classmethod
    def load(cls, text: str) -> Told:
        """Read what `dump` wrote."""
        to, function, args, value, pull = json.loads(text)
        return cls(to, function, tuple(args), value, None if pull is None else tuple(pull))

    @property
    def call(self) -> Call:
        pull = None
        if self.pull:
            token, value, valid_before = self.pull
            pull = Pull(Address(token), Micro(value), valid_before)
        return Call(Address(self.to), self.function, self.args, Wei(self.value), pull=pull)


class Pulled(NamedTuple):
    """Tokens that the log says may be taken once, under an EIP-3009 nonce."""

    token: str
    nonce: bytes
    payee: str
    value: int


@dataclass(frozen=True, slots=True)
class Callprint:
    """A call by its fingerprint; a pull's signature, which no record holds, is left out of it."""

    to: str
    function: str
    value: int
    size: int
    print: bytes
    pulled: Pulled | None
    """What it pulls, under an EIP-3009 nonce that is the hash of the call itself."""

    def matches(self, data: bytes) -> bool:
        """Whether calldata is this call's."""
        seen = data[:-_SIGNATURE_TAIL] if self.pulled else data
        return len(data) == self.size and keccak(seen) == self.print


def told_call(body: Body) -> Told:
    """Read an effect's `call` and `pull`; arguments that no such call could have are refused."""
    call = read.within(body, "call")
    function, args = read.text(call, "function"), read.listed(call, "args")
    deep = function.count("(") > _MOST_DEPTH or function.count("[") > _MOST_DEPTH
    if deep or len(function) > _LONGEST_SIGNATURE or _FIXED_ARRAY.search(function):
        raise BadRecord(why="a function this format does not use", field="function")
    pull = _pull(body)
    read.integer(call, "gas")
    return Told(
        to=read.address(call, "to"),
        function=function,
        args=_arguments(_kinds(function, pulls=pull is not None), args),
        value=read.amount(call, "value"),
        pull=pull,
    )


def callprint(told: Told, intent: str, wallet: str) -> Callprint:
    """Encode it with the signer's own lines."""
    call, filling = told.call, Filling(Address(wallet), intent)
    try:
        if call.pull is None:
            pulled, data = None, calldata(call, filling, None, lambda _: b"")
        else:
            nonce = authorization(call, filling)
            pulled = Pulled(call.pull.token, nonce, call.to, call.pull.value)
            data = proven(call, call.pull, filling, _UNSIGNED)
    except BadCall as error:
        raise BadRecord(why=str(error), field="call") from error
    seen = data[:-_SIGNATURE_TAIL] if pulled else data
    return Callprint(call.to, call.function, call.value, len(data), keccak(seen), pulled)


def is_misused(told: Told, intent: str, purpose: str, who: Who) -> bool:
    """Whether the signer would never have signed this call under this purpose."""
    return fits(Intent(intent, 0, purpose, told.call), who) is not None


def _pull(body: Body) -> tuple[str, int, int] | None:
    if read.absent(body, "pull"):
        return None
    pull = read.within(body, "pull")
    token, value = read.address(pull, "token"), read.amount(pull, "value")
    return token, value, read.whole(pull, "valid_before")


def _kinds(function: str, *, pulls: bool) -> tuple[ABIType, ...]:
    """The types of the arguments that a record tells."""
    if not function:
        if pulls:
            raise BadRecord(why="plain ether pulls nothing", field="pull")
        return ()
    try:
        kinds = argument_types(function)
    except (BadCall, RecursionError) as error:
        raise BadRecord(why="no canonical signature", field="function") from error
    if not pulls:
        return kinds
    if not function.endswith("," + ",".join(AUTHORIZATION) + ")"):
        raise BadRecord(why="the function takes no authorization", field="function")
    return kinds[:-3]


def _arguments(kinds: Sequence[ABIType], args: Sequence[Any]) -> tuple[Any, ...]:
    if len(kinds) != len(args):
        raise BadRecord(why=_MISFIT, field="args")
    return tuple(map(_argument, kinds, args))


def _argument(kind: ABIType, value: Any) -> Any:
    """A value of this type as calls hold it; integers above CBOR's are decimal text in records."""
    if kind.arrlist:
        if not isinstance(value, list):
            raise BadRecord(why=_MISFIT, field="args")
        return [_argument(kind.item_type, item) for item in value]
    if isinstance(kind, TupleType):
        if not isinstance(value, list):
            raise BadRecord(why=_MISFIT, field="args")
        return list(_arguments(kind.components, value))
    if isinstance(kind, BasicType) and _is_basic(kind, number := _number(kind, value)):
        return number
    raise BadRecord(why=_MISFIT, field="args")


def _number(kind: BasicType, value: Any) -> Any:
    if kind.base in ("uint", "int") and type(value) is str and _DECIMAL.fullmatch(value):
        return int(value)
    return value


def _is_basic(kind: BasicType, value: Any) -> bool:
    base, bits = kind.base, kind.sub
    if base == "uint":
        return type(value) is int and isinstance(bits, int) and 0 <= value < 1 << bits
    if base == "int":
        return type(value) is int and isinstance(bits, int) and -1 << bits <= 2 * value < 1 << bits
    if base == "address":
        return type(value) is str and (value == WALLET or _ADDRESS.fullmatch(value) is not None)
    if base == "bytes":
        return type(value) is str and _is_bytes(value, bits)
    return type(value) is {"bool": bool, "string": str}.get(base)


def _is_bytes(value: str, size: Any) -> bool:
    if value == SALT:
        return size in (None, 32)
    return _HEX.fullmatch(value) is not None and size in (None, len(value) // 2 - 1)
