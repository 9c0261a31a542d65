"""The signed head over all records so far, and the list of those that its epoch adds.

What the log key signs is EIP-712 (`chain.permit`), so that a wallet, a contract or a person can
check it. The block that carries the signature is named by its CID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cbrrr import CID, decode_dag_cbor, encode_dag_cbor

from chain import permit
from chain.permit import Domain
from chain.types import Address
from telemetry.cid import BINARY_LENGTH, PREFIX, Cid, cid_of, from_digest
from telemetry.errors import BadCheckpoint
from telemetry.record import SAFE_INTEGER

VERSION: Final = 1
MAX_RECORDS: Final = 4096
MAX_BYTES: Final = 256 * 1024
FIRST_PREV: Final = bytes(32)

__all__ = ["FIRST_PREV", "MAX_RECORDS", "Checkpoint", "Domain", "Head"]

_KEYS: Final = frozenset(("v", "agent", "epoch", "size", "root", "prev", "records", "sig"))
_SIG_LENGTH: Final = 65

Head = permit.Checkpoint
"""What is signed: `size` and `root` cover all records since birth, `prev` is the SHA-256 of the
previous checkpoint's block (32 zero bytes for epoch 0)."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head, the SHA-256 of each of its epoch's records in order, and the log key's signature."""

    head: Head
    digests: tuple[bytes, ...]
    sig: bytes

    @property
    def records(self) -> tuple[Cid, ...]:
        """The records' names, which is how the block holds them."""
        return tuple(map(from_digest, self.digests))

    @property
    def first(self) -> int:
        """The seq of its first record, if the size is right."""
        return self.head.size - len(self.digests)

    def encode(self) -> bytes:
        """Return the block that an epoch is known by."""
        _judge(self)
        return encode_dag_cbor(
            {
                "v": VERSION,
                "agent": self.head.agent,
                "epoch": self.head.epoch,
                "size": self.head.size,
                "root": self.head.root,
                "prev": self.head.prev,
                "records": [CID(PREFIX + digest) for digest in self.digests],
                "sig": self.sig,
            }
        )

    @classmethod
    def decode(cls, block: bytes) -> Checkpoint:
        """Read a checkpoint's block strictly; its signature is another question."""
        if len(block) > MAX_BYTES:
            raise BadCheckpoint(why="too large", size=len(block))
        try:
            fields: Any = decode_dag_cbor(block)
        except ValueError as error:
            raise BadCheckpoint(why=str(error)) from error
        if not isinstance(fields, dict) or fields.keys() != _KEYS:
            raise BadCheckpoint(why="wrong fields")
        if type(fields["v"]) is not int or fields["v"] != VERSION:
            raise BadCheckpoint(why="unknown version")
        if not isinstance(fields["records"], list):
            raise BadCheckpoint(why="records is not a list")
        head = Head(*(fields[name] for name in ("agent", "epoch", "size", "root", "prev")))
        checkpoint = cls(head, tuple(map(_linked, fields["records"])), fields["sig"])
        _judge(checkpoint)
        return checkpoint

    @property
    def cid(self) -> Cid:
        return cid_of(self.encode())

    def signer(self, domain: Domain) -> Address | None:
        """Whose key made the signature; None for anything malleable or malformed."""
        return permit.signed_by(domain, self.head, self.sig)

    def signed_by(self, log_key: str, domain: Domain) -> bool:
        """Whether the log key made the signature, in its one low-s form."""
        signer = self.signer(domain)
        return signer is not None and signer.lower() == log_key.lower()


def _judge(checkpoint: Checkpoint) -> None:
    head = checkpoint.head
    for name in ("agent", "epoch", "size"):
        value = getattr(head, name)
        if type(value) is not int or not 0 <= value < SAFE_INTEGER:
            raise BadCheckpoint(why="not a counter", field=name)
    for name, value, length in (
        ("root", head.root, 32),
        ("prev", head.prev, 32),
        ("sig", checkpoint.sig, _SIG_LENGTH),
    ):
        if type(value) is not bytes or len(value) != length:
            raise BadCheckpoint(why="wrong length", field=name)
    if not 0 < len(checkpoint.digests) <= min(MAX_RECORDS, head.size):
        raise BadCheckpoint(why="an epoch holds 1 to 4,096 records", count=len(checkpoint.digests))
    if (head.prev == FIRST_PREV) != (head.epoch == 0):
        raise BadCheckpoint(why="only epoch 0 has no predecessor", epoch=head.epoch)


def _linked(value: object) -> bytes:
    """The digest in a link."""
    if not isinstance(value, CID):
        raise BadCheckpoint(why="a record is not a link")
    raw = value.cid_bytes
    if len(raw) != BINARY_LENGTH or not raw.startswith(PREFIX):
        raise BadCheckpoint(why="a link of another form", binary=raw[:64].hex())
    digest: bytes = raw[len(PREFIX) :]
    return digest
