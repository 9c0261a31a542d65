"""A record's call, and what of it a transaction must show: pure, small, safe with hostile types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from eth_abi.grammar import ABIType, TupleType
from eth_utils.crypto import keccak

from chain.calldata import AUTHORIZATION, Filling, argument_types, calldata, selector
from chain.halt import Who, fits
from chain.permit import Domain
from chain.types import Address, Call, Intent, Micro, Pull, Wei
from telemetry.auditing import body as read
from telemetry.auditing.body import Body
from telemetry.errors import BadRecord

_FIXED_ARRAY: Final = re.compile(r"\[\d")
_LONGEST_SIGNATURE: Final = 256
_MOST_TUPLES: Final = 16
"""Reading a signature takes longer with each level of it: a log of deep ones would take days."""
_UNSIGNED: Final = bytes(65)
_SIGNATURE_TAIL: Final = 96
"""A 65-byte signature as the last dynamic argument fills the last three words of calldata."""


@dataclass(frozen=True, slots=True)
class Callprint:
    """A call by its fingerprint; a pull's signature, which no record holds, is left out of it."""

    to: str
    function: str
    value: int
    size: int
    print: bytes
    token: str | None
    """The token that is pulled, if any."""
    authorization: bytes | None
    """The EIP-3009 nonce under which it is pulled: the hash of the call itself."""

    def matches(self, data: bytes) -> bool:
        """Whether calldata is this call's."""
        seen = data[:-_SIGNATURE_TAIL] if self.authorization else data
        return len(data) == self.size and keccak(seen) == self.print


def callprint(body: Body, intent: str, wallet: str) -> Callprint:
    """Read an effect's `call` and `pull` and encode them with the signer's own lines."""
    try:
        return _print(_call(body), Filling(Address(wallet), intent))
    except BadRecord:
        raise
    except Exception as error:  # whatever a hostile signature does to the encoder, it is no call
        raise BadRecord(why="the arguments do not fit the function", field="call") from error


def is_misused(body: Body, intent: str, purpose: str, who: Who) -> bool:
    """Whether the signer would never have signed this call under this purpose."""
    return fits(Intent(intent, 0, purpose, _call(body)), who) is not None


def _call(body: Body) -> Call:
    call = read.within(body, "call")
    function, args = read.text(call, "function"), read.listed(call, "args")
    deep = function.count("(") > _MOST_TUPLES
    if deep or len(function) > _LONGEST_SIGNATURE or _FIXED_ARRAY.search(function):
        raise BadRecord(why="a function this format does not use", field="function")
    kinds = argument_types(function) if function else ()
    return Call(
        to=Address(read.address(call, "to")),
        function=function,
        args=(*map(_number, kinds, args), *args[len(kinds) :]),
        value=Wei(read.amount(call, "value")),
        pull=_pull(body),
    )


def _pull(body: Body) -> Pull | None:
    if read.absent(body, "pull"):
        return None
    pull = read.within(body, "pull")
    return Pull(
        token=Address(read.address(pull, "token")),
        value=Micro(read.amount(pull, "value")),
        valid_before=read.amount(pull, "valid_before"),
    )


def _print(call: Call, filling: Filling) -> Callprint:
    domain = None if call.pull is None else Domain(0, call.pull.token)
    data = calldata(call, filling, domain, lambda _: _UNSIGNED)
    seen = data if call.pull is None else data[:-_SIGNATURE_TAIL]
    return Callprint(
        to=call.to,
        function=call.function,
        value=call.value,
        size=len(data),
        print=keccak(seen),
        token=None if call.pull is None else call.pull.token,
        authorization=None if call.pull is None else _authorization(call, filling),
    )


def _authorization(call: Call, filling: Filling) -> bytes:
    """The hash of the call without the authorization's three arguments."""
    plain = call.function.removesuffix("," + ",".join(AUTHORIZATION) + ")") + ")"
    body = calldata(replace(call, function=plain, pull=None), filling, None, lambda _: b"")[4:]
    return keccak(selector(call.function) + body)


def _number(kind: ABIType, value: Any) -> Any:
    """Integers above CBOR's are decimal text in records."""
    if kind.arrlist and isinstance(value, list):
        return [_number(kind.item_type, item) for item in value]
    if isinstance(kind, TupleType) and isinstance(value, Sequence):
        return [_number(part, item) for part, item in zip(kind.components, value, strict=True)]
    if getattr(kind, "base", "") in ("uint", "int") and type(value) is str:
        return read.amount({"number": value}, "number")
    return value
