"""A bred generation as blocks on IPFS: one root that holds a genome, its model and their papers.

    root   {v:1, genome: link, files: {name: {size, sha256, parts: [links]}},
            parents: [CIDs of genomes, text], made: {what it was made of, short texts}}
    genome the DAG-CBOR form of agent/genome.py: its digest is the one that goes on chain
    part   1 MiB of a file as it is, the last one what is left

The root's CID is what `forager init --genome` takes. Parents are named, not linked, so that a
generation can be imported and pinned alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

from cbrrr import CID, decode_dag_cbor, encode_dag_cbor

from agent.errors import CannotInherit
from agent.genome import NEWER, judge_parents
from telemetry.cid import BINARY_LENGTH, DIGEST_LENGTH, PREFIX, RAW

VERSION: Final = 1
MODEL: Final = "model.gguf"
FILES: Final = frozenset((MODEL, "README.md", "manifest.json"))
PART: Final = 1 << 20
MOST_ROOT: Final = 1 << 20
"""Which bounds the files too: to some 24 GiB."""
MOST_GENOME: Final = 64 << 10
_FIELDS: Final = frozenset(("v", "genome", "files", "parents", "made"))
_FILE: Final = frozenset(("size", "sha256", "parts"))
_DIGITS: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class File:
    """Its parts, by their digests, in order."""

    size: int
    sha256: str
    parts: tuple[bytes, ...]

    def plain(self) -> dict[str, Any]:
        parts = [CID(RAW + part) for part in self.parts]
        return {"size": self.size, "sha256": self.sha256, "parts": parts}


@dataclass(frozen=True, slots=True)
class Bred:
    """What a root block says."""

    genome: bytes
    """The digest."""
    files: Mapping[str, File]
    parents: tuple[str, ...]
    made: Mapping[str, str]

    def encode(self) -> bytes:
        return encode_dag_cbor(
            {
                "v": VERSION,
                "genome": CID(PREFIX + self.genome),
                "files": {name: file.plain() for name, file in self.files.items()},
                "parents": list(self.parents),
                "made": dict(self.made),
            }
        )


def decode(data: bytes) -> Bred:
    """Read a root block, which a stranger may have written."""
    if len(data) > MOST_ROOT:
        raise CannotInherit(f"the generation's files have more parts than {MOST_ROOT} bytes name")
    try:
        fields: Any = decode_dag_cbor(data)
    except ValueError as fault:
        raise CannotInherit(f"the generation is not DAG-CBOR: {fault}") from None
    if not isinstance(fields, dict) or type(version := fields.get("v")) is not int:
        raise CannotInherit("this CID is not a generation's", "name the one that breed gave")
    if version != VERSION:
        raise CannotInherit(f"the generation is of form {version}, this is {VERSION}", NEWER)
    if fields.keys() != _FIELDS:
        raise CannotInherit("this CID is not a generation's", "name the one that breed gave")
    files, made = fields["files"], fields["made"]
    if not isinstance(files, dict) or files.keys() != FILES:
        raise CannotInherit(f"a generation has these files: {', '.join(sorted(FILES))}")
    if not isinstance(made, dict) or not all(isinstance(value, str) for value in made.values()):
        raise CannotInherit("what the generation was made of is not told in texts")
    judge_parents(fields["parents"])
    return Bred(
        _link(fields["genome"], PREFIX),
        {name: _file(name, file) for name, file in files.items()},
        tuple(fields["parents"]),
        made,
    )


def cut(file: IO[bytes]) -> Iterator[bytes]:
    """A file's parts."""
    while part := file.read(PART):
        yield part


def lengths(size: int) -> Iterator[int]:
    """How long each part of a file of this size must be: a file has one form."""
    while size > 0:
        yield min(size, PART)
        size -= PART


def _file(name: str, fields: Any) -> File:
    if not isinstance(fields, dict) or fields.keys() != _FILE:
        raise CannotInherit(f"{name} is not told of as a file is")
    size, sha256, parts = fields["size"], fields["sha256"], fields["parts"]
    if type(size) is not int or not isinstance(sha256, str) or not isinstance(parts, list):
        raise CannotInherit(f"{name} is not told of as a file is")
    if not 0 < size <= MOST_ROOT * PART or len(parts) != -(-size // PART):
        raise CannotInherit(f"{name} has {len(parts)} parts of at most {PART} bytes, of {size}")
    digits = sha256.removeprefix("0x")
    if len(digits) != 2 * DIGEST_LENGTH or not _DIGITS.issuperset(digits) or digits == sha256:
        raise CannotInherit(f"{name} is not named by its SHA-256")
    return File(size, sha256, tuple(_link(part, RAW) for part in parts))


def _link(value: Any, kind: bytes) -> bytes:
    """A link's digest."""
    raw = value.cid_bytes if isinstance(value, CID) else b""
    if len(raw) != BINARY_LENGTH or not raw.startswith(kind):
        raise CannotInherit("a link of the generation is of another form")
    return bytes(raw[len(kind) :])
