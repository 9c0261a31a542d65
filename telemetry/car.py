"""Epoch files: CARv1, one root, every block checked against its name as it is read.

    varint(header) {roots: [root], version: 1}   then for each block   varint(cid + data) cid data

An epoch file holds its checkpoint first, then the epoch's records in order.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Final, NamedTuple

from cbrrr import CID, decode_dag_cbor, encode_dag_cbor

from telemetry.checkpoint import MAX_RECORDS
from telemetry.cid import BINARY_LENGTH, PREFIX, Cid, digest_of, from_binary, from_digest, to_binary
from telemetry.database import sync_folder
from telemetry.errors import BadCar, BadCid

MAX_HEADER: Final = 4096
MAX_BLOCK: Final = 2 * 1024 * 1024
MAX_BLOCKS: Final = MAX_RECORDS + 1
_PIECE: Final = 1024 * 1024
_VARINT_BYTES: Final = 5
_BITS: Final = 7
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80
_NAME: Final = re.compile(r"(\d{6,16})-(bafyrei[a-z2-7]{52})\.car")


class Block(NamedTuple):
    """A block and the name it answers to."""

    cid: Cid
    data: bytes


Sections = Iterator[tuple[bytes, bytes]]
"""Each block's SHA-256, checked, and its bytes."""


class EpochFile(NamedTuple):
    """What an epoch file's name says."""

    epoch: int
    cid: Cid
    path: Path


def car_name(epoch: int, cid: Cid) -> str:
    """Name an epoch's file so that names sort in the order of epochs."""
    return f"{epoch:06}-{cid}.car"


def epoch_files(folder: Path) -> list[EpochFile]:
    """List a folder's epoch files in order of epochs; other files are passed over."""
    found = ((path, _NAME.fullmatch(path.name)) for path in folder.iterdir())
    return sorted(EpochFile(int(name[1]), Cid(name[2]), path) for path, name in found if name)


def car_bytes(root: Cid, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a CAR piece by piece; `blocks` should begin with the root's."""
    return car_pieces(root, ((PREFIX, data) for data in blocks))


def car_pieces(root: Cid, blocks: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """The same of blocks of any kind, `PREFIX` or `RAW`."""
    header = encode_dag_cbor({"roots": [CID(to_binary(root))], "version": 1})
    yield _varint(len(header)) + header
    for kind, data in blocks:
        yield _varint(BINARY_LENGTH + len(data)) + kind + sha256(data).digest() + data


def write_car(path: Path, root: Cid, blocks: Iterable[bytes]) -> None:
    """Put a CAR in place whole or not at all, and on disk before returning."""
    write_whole(path, car_bytes(root, blocks))


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")  # two may write it at once
    try:
        with temporary.open("xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def read_car(stream: BinaryIO, *, max_blocks: int = MAX_BLOCKS) -> tuple[Cid, Iterator[Block]]:
    """Return a CAR's root and its blocks, which are read and checked one at a time."""
    root, sections = read_sections(stream, max_blocks)
    return from_digest(root), (Block(from_digest(digest), data) for digest, data in sections)


def read_epoch(path: Path) -> list[Block]:
    """Read an epoch file: its root's block first, then the rest; the name must say the root."""
    name = _NAME.fullmatch(path.name)
    with path.open("rb") as file:
        root, blocks = read_car(file)
        found = list(blocks)
    if name and name[2] != root:
        raise BadCar(why="the file's name says another root", file=path.name)
    if not found or found[0].cid != root:
        raise BadCar(why="the root's block does not come first", file=path.name)
    return found


def _root(header: bytes) -> bytes:
    try:
        fields: Any = decode_dag_cbor(header)
    except ValueError as error:
        raise BadCar(why=str(error)) from error
    if not isinstance(fields, dict) or fields.keys() != {"roots", "version"}:
        raise BadCar(why="wrong header")
    roots = fields["roots"]
    if fields["version"] != 1 or type(fields["version"]) is not int:
        raise BadCar(why="not version 1")
    if not isinstance(roots, list) or len(roots) != 1 or not isinstance(roots[0], CID):
        raise BadCar(why="not one root")
    try:
        return digest_of(from_binary(roots[0].cid_bytes))
    except BadCid as error:
        raise BadCar(why="a name of another form", **error.facts) from error


def read_sections(stream: BinaryIO, max_blocks: int = MAX_BLOCKS) -> tuple[bytes, Sections]:
    """Like `read_car`, with blocks named by their SHA-256 alone: for those who read many."""
    size = _read_varint(stream, MAX_HEADER)
    if size is None:
        raise BadCar(why="empty")
    return _root(_exactly(stream, size)), _sections(stream, max_blocks)


def car_places(stream: BinaryIO, max_blocks: int) -> tuple[Cid, dict[bytes, tuple[int, int]]]:
    """Where each block lies, by its binary name, and its length: none is read or checked yet."""
    header = _read_varint(stream, MAX_HEADER)
    if header is None:
        raise BadCar(why="empty")
    root, found = _root(_exactly(stream, header)), dict[bytes, tuple[int, int]]()
    while size := _read_varint(stream, BINARY_LENGTH + MAX_BLOCK):
        if size < BINARY_LENGTH or len(found) == max_blocks:
            raise BadCar(why="a block without a name, or too many", limit=max_blocks)
        name = _exactly(stream, BINARY_LENGTH)
        found[name] = stream.tell(), size - BINARY_LENGTH
        stream.seek(size - BINARY_LENGTH, os.SEEK_CUR)
    return from_digest(root), found


def listed(digests: Sequence[bytes], sections: Sections) -> Iterator[bytes]:
    """The records that a checkpoint lists, all of them, in their order and no others."""
    for place, digest in enumerate(digests):
        section = next(sections, None)
        if section is None or section[0] != digest:
            raise BadCar(why="not the record that its checkpoint lists", place=place)
        yield section[1]
    if next(sections, None) is not None:
        raise BadCar(why="more blocks than its checkpoint lists")


def _sections(stream: BinaryIO, max_blocks: int) -> Sections:
    """Read in large pieces, cut out in small ones: every block of every audit passes here."""
    buffer, at, count = b"", 0, 0
    while True:
        if len(buffer) - at < _VARINT_BYTES:
            buffer, at = buffer[at:] + stream.read(_PIECE), 0
            if not buffer:
                return
        size, at = _varint_at(buffer, at, BINARY_LENGTH + MAX_BLOCK)
        count += 1
        if count > max_blocks:
            raise BadCar(why="too many blocks", limit=max_blocks)
        if size < BINARY_LENGTH:
            raise BadCar(why="a block without a name", block=count)
        while len(buffer) - at < size:
            more = stream.read(max(_PIECE, size))
            if not more:
                raise BadCar(why="cut short", missing=size - len(buffer) + at)
            buffer, at = buffer[at:] + more, 0
        middle, end = at + BINARY_LENGTH, at + size
        digest, data = buffer[at + len(PREFIX) : middle], buffer[middle:end]
        if not buffer.startswith(PREFIX, at):
            raise BadCar(why="a name of another form", binary=buffer[at:middle].hex())
        if sha256(data).digest() != digest:
            raise BadCar(why="a block is not what its name says", cid=from_digest(digest))
        yield digest, data
        at = end


def _varint_at(buffer: bytes, at: int, limit: int) -> tuple[int, int]:
    """A length, and where it ends; over `limit` or not minimal is refused."""
    value = shift = 0
    for byte in buffer[at : at + _VARINT_BYTES]:
        value |= (byte & _SEVEN_BITS) << shift
        at, shift = at + 1, shift + 7
        if byte < _MORE:
            if (byte == 0 and shift > _BITS) or not 0 < value <= limit:
                raise BadCar(why="a length out of bounds", length=value, limit=limit)
            return value, at
    if shift < _VARINT_BYTES * _BITS:
        raise BadCar(why="cut short")
    raise BadCar(why="a length out of bounds", limit=limit)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    if len(piece := stream.read(size)) == size:
        return piece
    pieces, missing = [piece], size - len(piece)
    while missing:
        piece = stream.read(missing)
        if not piece:
            raise BadCar(why="cut short", missing=missing)
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > _SEVEN_BITS:
        out.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(stream: BinaryIO, limit: int) -> int | None:
    """Read a length, or None at the stream's end; over `limit` or not minimal is refused."""
    value = 0
    for place in range(_VARINT_BYTES):
        byte = stream.read(1)
        if not byte:
            if place:
                raise BadCar(why="cut short")
            return None
        value |= (byte[0] & _SEVEN_BITS) << (7 * place)
        if byte[0] < _MORE:
            if (byte[0] == 0 and place) or not 0 < value <= limit:
                raise BadCar(why="a length out of bounds", length=value, limit=limit)
            return value
    raise BadCar(why="a length out of bounds", limit=limit)
