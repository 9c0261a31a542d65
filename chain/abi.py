"""Between JSON-able values and ABI bytes, by function signatures that people can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_abi import abi
from eth_utils.crypto import keccak

from chain import words
from chain.types import Json
from chain.words import split


@dataclass(frozen=True, slots=True)
class Function:
    """A signature taken apart: `name(inputs)` and, for views, `(outputs)` behind it."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@lru_cache(maxsize=1024)
def function(signature: str) -> Function:
    """Take `name(types)` or `name(types)(returns)` apart."""
    start = signature.index("(")
    end = _closing(signature, start)
    outputs = signature[end + 1 :]
    if outputs and (outputs[0] != "(" or _closing(outputs, 0) != len(outputs) - 1):
        raise ValueError(signature)
    return Function(
        keccak(text=signature[: end + 1])[:4],
        split(signature[start + 1 : end]),
        split(outputs[1:-1]),
    )


def encode(types: Sequence[str], args: Sequence[Json]) -> bytes:
    """ABI-encode JSON-able values."""
    if len(types) != len(args):
        raise ValueError(f"{len(types)} arguments wanted, {len(args)} given")
    return abi.encode(types, [_outward(t, a) for t, a in zip(types, args, strict=True)])


def decode(types: Sequence[str], data: bytes) -> list[Json]:
    """JSON-able values: bytes as 0x-strings, addresses with their checksum, tuples as lists."""
    if read := words.reader(tuple(types)):
        return read(data)
    values = abi.decode(types, data)
    return [_inward(t, v) for t, v in zip(types, values, strict=True)]


def kind(entry: Mapping[str, Any]) -> str:
    """The canonical type of a parameter in a JSON ABI, tuples written out."""
    name: str = entry["type"]
    if not name.startswith("tuple"):
        return name
    inner = ",".join(kind(each) for each in entry["components"])
    return f"({inner}){name.removeprefix('tuple')}"


def _closing(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at
    raise ValueError(text)


def _outward(form: str, value: Any) -> Any:
    if form.endswith("]"):
        return [_outward(form[: form.rindex("[")], v) for v in value]
    if form.startswith("("):
        return tuple(_outward(t, v) for t, v in zip(split(form[1:-1]), value, strict=True))
    if form.startswith("bytes"):
        return bytes.fromhex(value.removeprefix("0x"))
    return value


def _inward(form: str, value: Any) -> Any:
    if form.endswith("]"):
        return [_inward(form[: form.rindex("[")], v) for v in value]
    if form.startswith("("):
        return [_inward(t, v) for t, v in zip(split(form[1:-1]), value, strict=True)]
    if form.startswith("bytes"):
        return "0x" + value.hex()
    return words.checksummed(bytes.fromhex(value[2:])) if form == "address" else value
