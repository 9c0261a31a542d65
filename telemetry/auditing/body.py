"""Fields of a record's body as others wrote it: of the right form, or `BadRecord`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from telemetry.errors import BadRecord

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,77}")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")
_LONGEST: Final = 512
_ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")
_ADDRESS_LENGTH: Final = 42
_MOST: Final = 2**53
"""What is not below is told as decimal text."""

Body = Mapping[str, Any]
T = TypeVar("T")


def text(body: Body, name: str) -> str:
    value = body.get(name)
    if type(value) is not str or len(value) > _LONGEST:
        raise BadRecord(why="no such text", field=name)
    return value


def long_text(body: Body, name: str) -> str:
    value = body.get(name)
    if type(value) is not str:
        raise BadRecord(why="no such text", field=name)
    return value


def integer(body: Body, name: str) -> int:
    value = body.get(name)
    if type(value) is not int or not 0 <= value < _MOST:
        raise BadRecord(why="no such counter", field=name)
    return value


def number(body: Body, name: str) -> float:
    value = body.get(name)
    if type(value) not in (int, float):
        raise BadRecord(why="no such number", field=name)
    return float(value)  # type: ignore[arg-type]  # an int or a float, by its type


def flag(body: Body, name: str) -> bool:
    value = body.get(name)
    if type(value) is not bool:
        raise BadRecord(why="neither true nor false", field=name)
    return value


def amount(body: Body, name: str) -> int:
    """Decimal text, since wei do not fit CBOR's integers."""
    value = body.get(name)
    if type(value) is not str or not _DECIMAL.fullmatch(value):
        raise BadRecord(why="no amount in decimal text", field=name)
    return int(value)


def hexes(body: Body, name: str, length: int) -> str:
    """0x-text of `length` bytes, in lower case."""
    value = body.get(name)
    if type(value) is not str or len(value) != 2 + 2 * length or not _HEX.fullmatch(value):
        raise BadRecord(why=f"not {length} bytes in hex", field=name)
    return value.lower()


def whole(body: Body, name: str) -> int:
    """A counter, or an amount."""
    return integer(body, name) if type(body.get(name)) is int else amount(body, name)


def raw(body: Body, name: str, length: int = 32) -> bytes:
    value = body.get(name)
    if type(value) is not bytes or len(value) != length:
        raise BadRecord(why=f"not {length} bytes", field=name)
    return value


def address(body: Body, name: str) -> str:
    """0x-text of 20 bytes, in lower case."""
    value = body.get(name)
    found = _address(value) if type(value) is str and len(value) == _ADDRESS_LENGTH else None
    if found is None:
        raise BadRecord(why="not 20 bytes in hex", field=name)
    return found


@lru_cache(maxsize=1024)
def _address(value: str) -> str | None:
    """The same few come again and again."""
    return value.lower() if _ADDRESS.fullmatch(value) else None


def within(body: Body, name: str) -> Body:
    value = body.get(name)
    if type(value) is not dict and not isinstance(value, Mapping):
        raise BadRecord(why="no such map", field=name)
    return value


def listed(body: Body, name: str) -> Sequence[Any]:
    value = body.get(name)
    if not isinstance(value, list):
        raise BadRecord(why="no such list", field=name)
    return value


def maps(body: Body, name: str) -> Sequence[Body]:
    values = listed(body, name)
    if not all(isinstance(value, Mapping) for value in values):
        raise BadRecord(why="not a list of maps", field=name)
    return values


def absent(body: Body, name: str) -> bool:
    return body.get(name) is None


def there(body: Body, *names: str) -> None:
    """Keys that must be there, whatever they hold."""
    for name in names:
        if name not in body:
            raise BadRecord(why="no such field", field=name)


def maybe(read: Callable[[Body, str], T], body: Body, name: str) -> T | None:
    """What may be null, but not left out."""
    if name not in body:
        raise BadRecord(why="no such field", field=name)
    return None if body[name] is None else read(body, name)
