"""Events of our contracts, decoded by the committed ABI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_utils.crypto import keccak

import contracts
from chain import abi
from chain.answers import Log
from chain.errors import Unreachable
from chain.types import Json


@dataclass(frozen=True, slots=True)
class Event:
    """What a contract said, with its parameters by name."""

    name: str
    args: Mapping[str, Json]
    log: Log


@dataclass(frozen=True, slots=True)
class _Shape:
    name: str
    indexed: tuple[tuple[str, str], ...]
    plain: tuple[tuple[str, str], ...]


def topic(contract: str, name: str) -> str:
    """The first topic of an event, e.g. `topic("AgentRegistry", "Born")`."""
    return next(key for key, shape in _shapes(contract).items() if shape.name == name)


def indexed(value: int | str) -> str:
    """A number, address or bytes32 as a topic to search for."""
    number = value if isinstance(value, int) else int(value, 16)
    return f"0x{number:064x}"


def decode(contract: str, log: Log) -> Event | None:
    """The event in a log of this contract; None for one its ABI does not know.

    One that does not fit the ABI raises `Unreachable`: no contract of ours emits it.
    """
    shape = _shapes(contract).get(log.topics[0]) if log.topics else None
    if shape is None or len(log.topics) != 1 + len(shape.indexed):
        return None
    try:
        return Event(shape.name, _args(shape, log), log)
    except Exception as error:  # the decoder has many ways to say that it does not fit
        raise Unreachable("A node's answer makes no sense", cause=shape.name) from error


def _args(shape: _Shape, log: Log) -> Mapping[str, Json]:
    args = {
        name: abi.decode([form], bytes.fromhex(word[2:]))[0]
        for (name, form), word in zip(shape.indexed, log.topics[1:], strict=True)
    }
    forms = [form for _, form in shape.plain]
    values = abi.decode(forms, bytes.fromhex(log.data[2:]))
    return args | {name: value for (name, _), value in zip(shape.plain, values, strict=True)}


@cache
def _shapes(contract: str) -> Mapping[str, _Shape]:
    shapes = {}
    for entry in contracts.abi(contract):
        if entry["type"] == "event" and not entry.get("anonymous"):
            types = ",".join(abi.kind(each) for each in entry["inputs"])
            key = "0x" + keccak(text=f"{entry['name']}({types})").hex()
            shapes[key] = _Shape(
                entry["name"],
                _fields(entry["inputs"], indexed=True),
                _fields(entry["inputs"], indexed=False),
            )
    return shapes


def _fields(inputs: Sequence[Mapping[str, Any]], *, indexed: bool) -> tuple[tuple[str, str], ...]:
    """Indexed strings, bytes, arrays and tuples are hashes in a topic."""
    chosen = [each for each in inputs if bool(each["indexed"]) is indexed]
    return tuple((each["name"], _in_topic(abi.kind(each), indexed)) for each in chosen)


def _in_topic(form: str, indexed: bool) -> str:
    hashed = form in {"string", "bytes"} or form.endswith((")", "]"))
    return "bytes32" if indexed and hashed else form
