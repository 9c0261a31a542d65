"""One entry of a life's log: a strict DAG-CBOR map, linked to the one before it."""

from __future__ import annotations

import marshal
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, Literal, NamedTuple, get_args

from cbrrr import decode_dag_cbor, encode_dag_cbor

from chain.types import Block
from telemetry.errors import BadRecord
from telemetry.tree import leaf_hash

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 128
SAFE_INTEGER: Final = 2**53
"""Counters stay below this, so that every JSON reader keeps them exact."""
NO_PREV: Final = bytes(32)

Kind = Literal[
    "birth",
    "decision",
    "effect",
    "refusal",
    "lease",
    "funds",
    "anchor",
    "heartbeat",
    "gap",
    "halt",
    "resume",
    "end",
]
KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))

_TEXT: Final = frozenset((str,))
_EXACT: Final = frozenset((str, bool, bytes, type(None)))
_TAG: Final = b"\xd8"
_LINK: Final = b"\xd8\x2a"
"""How a CID begins in CBOR: tag 42. Its first byte alone is sought ten times faster."""
_EIGHT_BELOW: Final = b"\x3b"
"""How a negative integer of eight bytes begins."""
_HEADS: Final = bytes((*range(0x81, 0x9C), *range(0xA1, 0xBC)))
"""How a list or a map begins, unless it is empty; other bytes may look so too."""
_FAR_BELOW: Final = re.compile(rb"\x3b[\x80-\xff]")
"""How one begins that is below -2⁶³, though other bytes may look so."""
_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1
_MARSHAL: Final = 4
"""The form of `marshal` that is written fastest."""
_FIVE_DIGITS: Final = marshal.dumps(_LEAST - 1, _MARSHAL)[1:5]
"""How it counts the digits of an integer below -2⁶³, and of few other things."""
_KEYS: Final = frozenset(("v", "agent", "seq", "at", "block", "prev", "kind", "body"))
_BLOCK_KEYS: Final = frozenset(("chain", "number", "hash"))
_HASH: Final = re.compile("0x[0-9a-f]{64}")


class BlockRef(NamedTuple):
    """The block a record's facts were read at; `hash` is 0x and 64 lower-case digits."""

    chain: int
    number: int
    hash: str


class Record(NamedTuple):
    """What happened, when, and after what; `prev` is the leaf hash of the record before."""

    agent: int
    seq: int
    at: int
    """Wall-clock milliseconds; never less than in the record before."""
    block: Block | BlockRef
    prev: bytes
    kind: str
    body: Mapping[str, Any]

    def encode(self) -> bytes:
        """Return the canonical bytes; what the format cannot hold exactly is refused."""
        _judge(self)
        block = {"chain": self.block.chain, "number": self.block.number, "hash": self.block.hash}
        fields: dict[str, Any] = {
            "v": VERSION,
            "agent": self.agent,
            "seq": self.seq,
            "at": self.at,
            "block": block,
            "prev": self.prev,
            "kind": self.kind,
            "body": self.body,
        }
        try:
            data = _cbor(fields)
        except ValueError as error:  # a lone surrogate in a text
            raise BadRecord(seq=self.seq, why=str(error)) from error
        if len(data) > MAX_BYTES:
            raise BadRecord(seq=self.seq, why="too large", size=len(data), limit=MAX_BYTES)
        return data

    @classmethod
    def decode(cls, data: bytes) -> Record:
        """Read canonical bytes; anything else raises `BadRecord`."""
        if len(data) > MAX_BYTES:
            raise BadRecord(why="too large", size=len(data), limit=MAX_BYTES)
        try:
            fields: Any = decode_dag_cbor(data)
        except ValueError as error:
            raise BadRecord(why=str(error)) from error
        if type(fields) is not dict or fields.keys() != _KEYS:
            raise BadRecord(why="wrong fields")
        if type(fields["v"]) is not int or fields["v"] != VERSION:
            raise BadRecord(why="unknown version")
        block = fields["block"]
        if type(block) is not dict or block.keys() != _BLOCK_KEYS:
            raise BadRecord(why="wrong block")
        record = cls(
            fields["agent"],
            fields["seq"],
            fields["at"],
            BlockRef(block["chain"], block["number"], block["hash"]),
            fields["prev"],
            fields["kind"],
            fields["body"],
        )
        _judge(record)
        if _is_odd(data, record.body):
            plain(record.body)
        return record

    def leaf(self) -> bytes:
        """Return the leaf hash, which the next record's `prev` repeats."""
        return leaf_hash(self.encode())


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` in dicts, lists and scalars that survive DAG-CBOR unchanged, or refuse it.

    Links are refused: a record that linked elsewhere could not be pinned with its epoch alone.
    """
    kind = type(value)
    if kind in _EXACT:
        return value
    if (kind is int and _LEAST <= value <= _MOST) or (kind is float and isfinite(value)):
        return value
    if depth < MAX_DEPTH:  # items that are exact as they are need no call: this runs at every tick
        deeper = depth + 1
        if kind is dict or isinstance(value, Mapping):
            if not _TEXT.issuperset(map(type, value)):
                raise BadRecord(why="a map's keys must be texts")
            items = value.items()
            return {k: v if type(v) in _EXACT else plain(v, deeper) for k, v in items}
        if kind is list or (isinstance(value, Sequence) and kind not in (bytearray, memoryview)):
            return [v if type(v) in _EXACT else plain(v, deeper) for v in value]
    raise BadRecord(why="this value cannot be kept exactly", type=kind.__name__)


def _cbor(fields: dict[str, Any]) -> bytes:
    """Encode a record; a body that `plain` would only copy is not walked: each tick waits.

    The encoder itself takes exact types alone and no odd floats. Bodies are trees: it would follow
    a circle for ever.
    """
    try:
        data = encode_dag_cbor(fields)
    except (TypeError, ValueError):
        pass
    else:
        if not _is_odd(data, fields["body"]):
            return data
    return encode_dag_cbor(fields | {"body": plain(fields["body"])})


def _is_odd(data: bytes, body: Mapping[str, Any]) -> bool:
    """Whether strict DAG-CBOR may hold what the format does not; it is rare, and shows.

    That is a link, an integer below all others, or more levels than `MAX_DEPTH`: each takes a byte
    by which a list or a map begins that is not empty.
    """
    return (
        (_TAG in data and _LINK in data)
        or (_EIGHT_BELOW in data and _FAR_BELOW.search(data) is not None and _is_far_below(body))
        or len(data) - len(data.translate(None, _HEADS)) > MAX_DEPTH
    )


def _is_far_below(body: Any) -> bool:
    """Whether an integer may really be: one record in six has such bytes in a float or a hash."""
    try:
        return _FIVE_DIGITS in marshal.dumps(body, _MARSHAL)
    except ValueError:  # a link, or too deep for it
        return True


def _judge(record: Record) -> None:
    agent, seq, at, block, prev, kind, body = record
    for value in (agent, seq, at, block.chain, block.number):
        if type(value) is not int or not 0 <= value < SAFE_INTEGER:
            raise BadRecord(why="not a counter", value=value)
    if type(block.hash) is not str or _HASH.fullmatch(block.hash) is None:
        raise BadRecord(why="not a block hash", seq=seq)
    if type(prev) is not bytes or len(prev) != len(NO_PREV):
        raise BadRecord(why="prev is not 32 bytes", seq=seq)
    if (prev == NO_PREV) != (seq == 0):
        raise BadRecord(why="only the first record has no predecessor", seq=seq)
    if type(kind) is not str or kind not in KINDS:
        raise BadRecord(why="unknown kind", seq=seq)
    if type(body) is not dict and not isinstance(body, Mapping):
        raise BadRecord(why="the body is not a map", seq=seq)
