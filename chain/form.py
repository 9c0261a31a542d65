"""The form of a call: what is signed, a record can hold, and an audit reads and encodes again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from eth_abi.exceptions import ABITypeError, ParseError
from eth_abi.grammar import ABIType, BasicType, TupleType, parse

from chain.types import SALT, WALLET, Call, Json

LONGEST_FUNCTION: Final = 256
MOST_LEVELS: Final = 16
"""Of `(` and of `[`: reading a function, and encoding by it, takes longer with each of them."""
LONGEST_CALL: Final = 16_384
"""As JSON: twice what the agent takes from a strategy."""
_ALL_BUT_ARGS: Final = 1024
_MOST_OF_A_CHARACTER: Final = 6
_MOST_OF_A_NUMBER: Final = 100
PROOF: Final = ",uint256,uint256,bytes)"
"""How a function that takes a `Pull` ends: validAfter, validBefore, signature."""
PROOF_ARGS: Final = 3
_FIXED_ARRAY: Final = re.compile(r"\[[^\]]")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_HALF_CHARACTER: Final = re.compile(r"[\ud800-\udfff]")
_SALT_BYTES: Final = 32
encoded: Final = json.JSONEncoder(ensure_ascii=False).encode
_MOST_GAS: Final = 2**53
_MOST_AMOUNT: Final = 2**256


class BadCall(ValueError):
    """The function is not written as ours are, or what it is called with does not fit it."""


Fields = tuple[str, str, Sequence[Json], int, tuple[str, int, int] | None]
"""Of a call: to, function, arguments, value; and of its pull: token, value, until when."""
Fits = Callable[[Json], bool]
"""Whether a value is what calls hold for a type; nothing is padded, converted or guessed."""


def check(call: Call) -> None:
    """Raises `BadCall` unless the signer may encode the call and a record may tell it."""
    check_fields(_fields(call), call.gas)


def check_fields(of: Fields, gas: int) -> None:
    """The same of a call by its fields: an audit reads very many."""
    to, function, args, value, pull = of
    fitting = _fitting(function, pulls=pull is not None)
    if len(fitting) != len(args):
        raise BadCall("the number of arguments differs")
    for place, fits in enumerate(fitting):
        if not fits(args[place]):
            kind = given(function, pulls=pull is not None)[place]
            raise BadCall(f"argument {place} does not fit {type_text(kind)}")
    if not all(map(_ADDRESS.fullmatch, (to, pull[0]) if pull else (to,))):
        raise BadCall("an address is 0x and 40 hex digits")
    amounts = (value, *pull[1:]) if pull else (value,)
    if not 0 <= gas < _MOST_GAS or min(amounts) < 0 or max(amounts) >= _MOST_AMOUNT:
        raise BadCall("an amount is out of range")
    if not _is_surely_short(args) and len(encoded(of).encode()) > LONGEST_CALL:
        raise BadCall("the call is too long")


def as_json(call: Call) -> str:
    """What is measured of a call, and kept of it while a log is audited."""
    return encoded(_fields(call))


def _fields(call: Call) -> Fields:
    pull = call.pull
    asked = (pull.token, pull.value, pull.valid_before) if pull else None
    return call.to, call.function, call.args, call.value, asked


def _is_surely_short(args: Sequence[Json]) -> bool:
    """Whether that needs no measuring."""
    rough = _ALL_BUT_ARGS
    for arg in args:
        if type(arg) is str:
            rough += _MOST_OF_A_CHARACTER * len(arg)
        elif type(arg) is not int and type(arg) is not bool:
            return False
        rough += _MOST_OF_A_NUMBER
    return rough <= LONGEST_CALL


def given(function: str, *, pulls: bool) -> tuple[ABIType, ...]:
    """The types of a call's own arguments: the signer adds those of the proof."""
    if not pulls:
        return argument_types(function) if function else ()
    if not function.endswith(PROOF):
        raise BadCall("the function takes no authorization")
    return argument_types(function)[:-PROOF_ARGS]


@lru_cache(maxsize=256)
def argument_types(function: str) -> tuple[ABIType, ...]:
    """The types of `name(type,...)`; raises `BadCall` unless it is canonical and of our form."""
    most = max(function.count("("), function.count("["))
    if len(function) > LONGEST_FUNCTION or most > MOST_LEVELS:
        raise BadCall("the function is too long or too deep")
    if _FIXED_ARRAY.search(function):
        raise BadCall("arrays of fixed length cannot be told")
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
    if not isinstance(tree, TupleType) or tree.arrlist or type_text(tree) != kinds:
        raise BadCall("not a canonical signature")
    if not _is_known(tree):
        raise BadCall("no such type")
    return tuple(tree.components)


def type_text(kind: ABIType) -> str:
    return str(kind.to_type_str())  # type: ignore[no-untyped-call] # eth_abi gives it no types


def _is_known(kind: ABIType) -> bool:
    """eth_abi's grammar takes any word for a type."""
    if isinstance(kind, TupleType):
        return all(map(_is_known, kind.components))
    if not isinstance(kind, BasicType) or kind.base not in _OF_BASE:
        return False
    return kind.base != "bool" or kind.sub is None


@lru_cache(maxsize=256)
def _fitting(function: str, *, pulls: bool) -> tuple[Fits, ...]:
    """What tells for each of a call's own arguments whether it fits."""
    return tuple(map(_fit, given(function, pulls=pulls)))


def _fit(kind: ABIType) -> Fits:
    if kind.arrlist:
        return partial(_fits_list, _fit(kind.item_type))
    if isinstance(kind, TupleType):
        return partial(_fits_tuple, tuple(map(_fit, kind.components)))
    return _OF_BASE[kind.base](kind.sub)  # type: ignore[attr-defined]  # argument_types saw to it


def _fits_list(item: Fits, value: Json) -> bool:
    return isinstance(value, list | tuple) and all(map(item, value))


def _fits_tuple(parts: Sequence[Fits], value: Json) -> bool:
    whole = isinstance(value, list | tuple) and len(value) == len(parts)
    return whole and all(fits(part) for fits, part in zip(parts, value, strict=True))  # type: ignore[arg-type]  # a list


def _fits_bool(value: Json) -> bool:
    return isinstance(value, bool)


def _fits_integer(least: int, above: int, value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < above


def _fits_address(value: Json) -> bool:
    return isinstance(value, str) and (value == WALLET or _ADDRESS.fullmatch(value) is not None)


def _fits_bytes(size: int | None, value: Json) -> bool:
    if not isinstance(value, str):
        return False
    if value == SALT:
        return size in (None, _SALT_BYTES)
    return _HEX.fullmatch(value) is not None and size in (None, len(value) // 2 - 1)


def _fits_string(value: Json) -> bool:
    return isinstance(value, str) and _HALF_CHARACTER.search(value) is None


_OF_BASE: Final[Mapping[str, Callable[[Any], Fits]]] = {
    "uint": lambda bits: partial(_fits_integer, 0, 1 << bits),
    "int": lambda bits: partial(_fits_integer, -1 << bits - 1, 1 << bits - 1),
    "address": lambda _: _fits_address,
    "bytes": lambda size: partial(_fits_bytes, size),
    "bool": lambda _: _fits_bool,
    "string": lambda _: _fits_string,
}
