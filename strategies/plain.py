"""Snapshots and actions as plain data and back, exactly: for records and for child processes.

The form follows the types. Wei and micro-units are decimal text, as everywhere in records; other
integers are numbers up to 2⁵³ − 1 and decimal text beyond. In fields of free form (`Json`), where
a text would stay a text, a larger integer becomes `{"$int": "…"}`. Reading is strict: every field
is there, nothing else is, nothing is converted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from chain.types import Json, Micro, Wei
from strategies.errors import NotPlain

T = TypeVar("T")
Read = Callable[[Json, str], object]
"""From plain data and where it stands, for whoever must mend it."""

EXACT: Final = 2**53 - 1
"""The largest integer that every reader of JSON keeps."""
BIG: Final = "$int"


def to_plain(value: object) -> Json:
    """A snapshot, an action, or any of their parts."""
    return _write(type(value), value)


def from_plain(kind: type[T], data: Json) -> T:
    """The same again; raises `NotPlain` and says where."""
    return cast("T", _reader(cast("Any", kind))(data, kind.__name__))


def _write(kind: Any, value: Any) -> Json:
    return _writer(kind)(value)


@cache
def _writer(kind: Any) -> Callable[[Any], Json]:  # one for each form
    """How a type is written: found out once, as snapshots are written at every tick."""
    if kind in (Wei, Micro):
        return str
    if is_dataclass(kind):
        return _writer_of_fields(kind)
    if (inner := _optional(kind)) is not None:
        write = _writer(inner)
        return lambda value: None if value is None else write(value)
    if get_origin(kind) is tuple:
        write = _writer(get_args(kind)[0])
        return lambda value: [write(item) for item in value]
    if get_origin(kind) is Mapping:
        write = _writer(get_args(kind)[1])
        return lambda value: {key: write(item) for key, item in value.items()}
    return _write_free if _is_free(kind) else _write_scalar


def _writer_of_fields(kind: Any) -> Callable[[Any], Json]:
    shape = tuple((name, _writer(hint)) for name, hint in _shape(kind).items())
    return lambda value: {name: write(getattr(value, name)) for name, write in shape}


def _write_scalar(value: Any) -> Json:
    if type(value) is int:
        return str(value) if abs(value) > EXACT else value
    return cast("Json", value.value if isinstance(value, Enum) else value)


def _write_free(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _write_free(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_write_free(item) for item in value]
    if type(value) is int and abs(value) > EXACT:
        return {BIG: str(value)}
    return value


@cache
def _reader(kind: Any) -> Read:  # noqa: PLR0911  # one for each form
    """How a type is read, likewise: what every strategy offers is read at every tick."""
    if kind in (Wei, Micro):
        return _amount
    if is_dataclass(kind):
        return _reader_of_fields(kind)
    if (inner := _optional(kind)) is not None:
        read = _reader(inner)
        return lambda data, where: None if data is None else read(data, where)
    if get_origin(kind) is tuple:
        return _reader_of_items(_reader(get_args(kind)[0]))
    if get_origin(kind) is Mapping:
        return _reader_of_rows(_reader(get_args(kind)[1]))
    if _is_free(kind):
        return _read_free
    return partial(_read_scalar, getattr(kind, "__supertype__", kind))


def _reader_of_fields(kind: Any) -> Read:
    shape = {name: _reader(hint) for name, hint in _shape(kind).items()}

    def read(data: Json, where: str) -> object:
        rows = _checked(_is_map(data), data, where)
        if rows.keys() != shape.keys():
            odd = rows.keys() ^ shape.keys()
            raise NotPlain("fields are missing or unknown", where=where, odd=set(odd))
        return kind(**{name: read(rows[name], f"{where}.{name}") for name, read in shape.items()})

    return read


def _reader_of_items(read: Read) -> Read:
    def read_all(data: Json, where: str) -> object:
        items = _checked(isinstance(data, list | tuple), data, where)
        return tuple([read(item, f"{where}[{i}]") for i, item in enumerate(items)])

    return read_all


def _reader_of_rows(read: Read) -> Read:
    def read_all(data: Json, where: str) -> object:
        rows = _checked(_is_map(data), data, where)
        return {key: read(item, f"{where}.{key}") for key, item in rows.items()}

    return read_all


def _read_free(data: Json, where: str) -> Json:
    if isinstance(data, Mapping):
        if set(data) == {BIG}:
            return _beyond(data[BIG], where)
        rows = _checked(_is_map(data), data, where)
        return {key: _read_free(item, f"{where}.{key}") for key, item in rows.items()}
    if isinstance(data, list | tuple):
        return [_read_free(item, f"{where}[{i}]") for i, item in enumerate(data)]
    if type(data) is int:
        return _near(data, where)
    if type(data) is float:
        return cast("float", _checked(isfinite(data), data, where))
    return cast("Json", _checked(data is None or type(data) in (bool, str), data, where))


def _read_scalar(kind: Any, data: Json, where: str) -> object:
    if isinstance(kind, type) and issubclass(kind, Enum):
        right = type(data) is str and data in kind._value2member_map_
        return kind(_checked(right, data, where))
    if kind is int:
        return _beyond(data, where) if type(data) is str else _near(data, where)
    if kind is float:
        right = type(data) in (int, float) and isfinite(cast("float", data))
        return float(_checked(right, data, where))
    return _checked(type(data) is kind, data, where)


def _near(data: Json, where: str) -> int:
    return cast("int", _checked(type(data) is int and abs(data) <= EXACT, data, where))


def _beyond(data: Json, where: str) -> int:
    value = _amount(data, where)
    return cast("int", _checked(abs(value) > EXACT, value, where))


def _amount(data: Json, where: str) -> int:
    """Decimal text in the one way that a number is written."""
    text = _checked(type(data) is str and len(data) <= 100, data, where)  # noqa: PLR2004
    digits = text.removeprefix("-")
    _checked(digits.isascii() and digits.isdigit() and str(int(text)) == text, data, where)
    return int(text)


def _is_map(data: Json) -> bool:
    return isinstance(data, Mapping) and all(type(key) is str for key in data)


def _checked(right: bool, data: Any, where: str) -> Any:
    if not right:
        raise NotPlain("not what belongs here", where=where, found=type(data).__name__)
    return data


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else ()


@cache
def _optional(kind: Any) -> Any:
    """`X` of `X | None`, otherwise nothing."""
    members = [member for member in _members(kind) if member is not NoneType]
    return members[0] if len(members) == 1 else None


@cache
def _is_free(kind: Any) -> bool:
    """`Json`: the only union of many."""
    return len(_members(kind)) > 2  # noqa: PLR2004  # more than `X | None`


@cache
def _shape(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
