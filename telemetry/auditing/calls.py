"""A record's call, and what of it a transaction must show: pure, small, safe with hostile types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from eth_abi.grammar import ABIType, BasicType, TupleType
from eth_utils.crypto import keccak

from chain.calldata import BadCall, Filling, authorization, calldata, proven
from chain.form import check_fields, encoded, given
from chain.halt import Who, fits
from chain.types import Address, Call, Intent, Micro, Pull, Wei
from telemetry.auditing import body as read
from telemetry.auditing.body import Body
from telemetry.errors import BadRecord

_UNSIGNED: Final = bytes(65)
_SIGNATURE_TAIL: Final = 96
"""A 65-byte signature as the last dynamic argument fills the last three words of calldata."""
_DECIMAL: Final = re.compile(r"0|-?[1-9][0-9]{0,77}")

Untell = Callable[[Any], Any]
"""A value as calls hold it: integers that are too big for a number are text in records."""


class Told(NamedTuple):
    """A call as a record tells it, of the form that its function asks for."""

    to: str
    function: str
    args: tuple[Any, ...]
    value: int
    pull: tuple[str, int, int] | None
    """Token, amount, and until when, of what is pulled by EIP-3009."""

    def dump(self) -> str:
        """As short text, the same that `chain.form` measures."""
        return encoded(self)

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
    """Read an effect's `call` and `pull`; what no such call could be is refused."""
    call, pull = read.within(body, "call"), _pull(body)
    function, args = read.text(call, "function"), read.listed(call, "args")
    gas = read.integer(call, "gas")
    try:
        told = Told(
            read.address(call, "to"),
            function,
            tuple(_untold_all(_untelling(function, pulls=pull is not None), args)),
            read.amount(call, "value"),
            pull,
        )
        check_fields(told, gas)
    except BadCall as error:
        raise BadRecord(why=str(error), field="call") from error
    return told


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


@lru_cache(maxsize=256)
def _untelling(function: str, *, pulls: bool) -> tuple[Untell, ...]:
    return tuple(map(_untell, given(function, pulls=pulls)))


def _untell(kind: ABIType) -> Untell:
    if kind.arrlist:
        return partial(_untold_list, _untell(kind.item_type))
    if isinstance(kind, TupleType):
        return partial(_untold_all, tuple(map(_untell, kind.components)))
    is_integer = isinstance(kind, BasicType) and kind.base in ("uint", "int")
    return _untold_integer if is_integer else _untold_other


def _untold_all(untelling: Sequence[Untell], values: Any) -> list[Any]:
    if not isinstance(values, list) or len(untelling) != len(values):
        raise BadCall("the arguments do not fit the function")
    return [untell(value) for untell, value in zip(untelling, values, strict=True)]


def _untold_list(untell: Untell, value: Any) -> Any:
    return list(map(untell, value)) if isinstance(value, list) else value


def _untold_integer(value: Any) -> Any:
    return int(value) if type(value) is str and _DECIMAL.fullmatch(value) else value


def _untold_other(value: Any) -> Any:
    return value
