"""The form of a call: what is signed, a record can hold, and an audit reads and encodes again."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final

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
_BASES: Final = frozenset(("uint", "int", "address", "bytes", "bool", "string"))
_SALT_BYTES: Final = 32
encoded: Final = json.JSONEncoder(ensure_ascii=False).encode
_MOST_GAS: Final = 2**53
_MOST_AMOUNT: Final = 2**256


class BadCall(ValueError):
    """The function is not written as ours are, or what it is called with does not fit it."""


def check(call: Call) -> None:
    """Raises `BadCall` unless the signer may encode the call and a record may tell it."""
    kinds = given(call.function, pulls=call.pull is not None)
    if len(kinds) != len(call.args):
        raise BadCall("the number of arguments differs")
    for place, (kind, arg) in enumerate(zip(kinds, call.args, strict=True)):
        if not _fits(kind, arg):
            raise BadCall(f"argument {place} does not fit {type_text(kind)}")
    pull = call.pull
    if not all(_ADDRESS.fullmatch(to) for to in (call.to, *([pull.token] if pull else ()))):
        raise BadCall("an address is 0x and 40 hex digits")
    amounts = (call.value, *((pull.value, pull.valid_before) if pull else ()))
    if not 0 <= call.gas < _MOST_GAS or not all(0 <= each < _MOST_AMOUNT for each in amounts):
        raise BadCall("an amount is out of range")
    if not _is_surely_short(call) and len(as_json(call).encode()) > LONGEST_CALL:
        raise BadCall("the call is too long")


def as_json(call: Call) -> str:
    """What is measured of a call, and kept of it while a log is audited."""
    pull = call.pull and (call.pull.token, call.pull.value, call.pull.valid_before)
    return encoded((call.to, call.function, call.args, call.value, pull))


def _is_surely_short(call: Call) -> bool:
    """Whether that needs no measuring: an audit reads very many calls."""
    rough = _ALL_BUT_ARGS
    for arg in call.args:
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
    if not isinstance(kind, BasicType) or kind.base not in _BASES:
        return False
    return kind.base != "bool" or kind.sub is None


def _fits(kind: ABIType, value: Json) -> bool:
    """Whether it is what calls hold for this type; nothing is padded, converted or guessed."""
    if kind.arrlist:
        item_type = kind.item_type
        return isinstance(value, list | tuple) and all(_fits(item_type, item) for item in value)
    if isinstance(kind, TupleType):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(kind.components)
            and all(map(_fits, kind.components, value))
        )
    return isinstance(kind, BasicType) and _fits_basic(kind, value)


def _fits_basic(kind: BasicType, value: Json) -> bool:
    if isinstance(value, bool):
        return bool(kind.base == "bool")
    if isinstance(value, int):
        return _fits_integer(kind, value)
    return isinstance(value, str) and _fits_text(kind, value)


def _fits_integer(kind: BasicType, value: int) -> bool:
    if kind.base == "uint":
        return 0 <= value < 1 << int(kind.sub)
    return kind.base == "int" and -1 << int(kind.sub) <= 2 * value < 1 << int(kind.sub)


def _fits_text(kind: BasicType, value: str) -> bool:
    match kind.base:
        case "address":
            return value == WALLET or _ADDRESS.fullmatch(value) is not None
        case "bytes" if value == SALT:
            return kind.sub in (None, _SALT_BYTES)
        case "bytes":
            return _HEX.fullmatch(value) is not None and kind.sub in (None, len(value) // 2 - 1)
        case "string":
            return _HALF_CHARACTER.search(value) is None
        case _:
            return False
