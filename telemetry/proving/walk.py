"""Reads a log once, from birth on and in little memory, and gathers a proof on the way.

Nothing is believed. Each epoch is held against all before it, and a log that contradicts itself
proves nothing.
"""

from __future__ import annotations

from typing import BinaryIO

from eth_utils.address import is_address, to_checksum_address

from chain import permit
from chain.permit import Domain
from chain.types import Address
from telemetry.car import listed, read_sections
from telemetry.checkpoint import FIRST_PREV, Checkpoint, Head
from telemetry.errors import BadCar, BadLog
from telemetry.proving.proof import Consistency, Inclusion, Log, NotProven, Seal
from telemetry.record import Record
from telemetry.tree import Branch, Tree, consistency, inclusion, leaf_hash


class Walk:
    """Reads epoch after epoch; follows one record, or the log as one checkpoint left it."""

    def __init__(self, agent: int, *, seq: int | None = None, first: int | None = None) -> None:
        self.seal: Seal | None = None
        """The newest that was read."""
        self._agent = agent
        self._seq = seq
        self._first = first
        self._log: Log | None = None
        self._record: bytes | None = None
        self._older: Seal | None = None
        self._grown: Tree | Branch = Tree()

    def read(self, stream: BinaryIO) -> int:
        """Take the next epoch in and say which it was, or raise for what cannot be one."""
        root, sections = read_sections(stream)
        digest, block = next(sections, (b"", b""))
        if digest != root:
            raise BadCar(why="the root's block does not come first")
        checkpoint = Checkpoint.decode(block)
        self._follow(checkpoint.head)
        for data in listed(checkpoint.digests, sections):
            self._take(data)
        self._close(Seal(checkpoint.head, digest, checkpoint.sig))
        return checkpoint.head.epoch

    def inclusion(self, seq: int) -> Inclusion | NotProven:
        """The proof of the record that was followed, under the newest checkpoint."""
        log, seal, record, branch = self._log, self.seal, self._record, self._grown
        if log is None or seal is None or record is None or not isinstance(branch, Branch):
            return NotProven(f"there is no record {seq} under {self.place}")
        return Inclusion(log, seal, seq, record, branch.path)

    def consistency(self, first: int) -> Consistency | NotProven:
        """The proof that the newest checkpoint goes on from the one that was followed."""
        log, older, newer, branch = self._log, self._older, self.seal, self._grown
        if log is None or older is None or newer is None or not isinstance(branch, Branch):
            return NotProven(f"there is no checkpoint {first} before {self.place}")
        return Consistency(log, older, newer, branch.path)

    @property
    def place(self) -> str:
        """How far it has come, in words."""
        if self.seal is None:
            return "nothing"
        head = self.seal.head
        return f"checkpoint {head.epoch}, which covers {head.size} records"

    def _follow(self, head: Head) -> None:
        last = self.seal
        epoch, prev = (last.head.epoch + 1, last.digest) if last else (0, FIRST_PREV)
        if head.agent != self._agent:
            raise BadLog(why=f"a checkpoint of agent {head.agent}", epoch=head.epoch)
        if head.epoch != epoch:
            raise BadLog(why=f"checkpoint {epoch} is not there")
        if head.prev != prev:
            raise BadLog(why="prev is not the checkpoint before", epoch=head.epoch)

    def _take(self, data: bytes) -> None:
        seq = self._tree.size
        if seq == 0:
            self._log = _whose(data)
        if seq == self._seq:
            self._record, self._grown = data, inclusion(self._tree)
        self._grown = self._grown.append(leaf_hash(data))

    def _close(self, seal: Seal) -> None:
        head, tree, log = seal.head, self._tree, self._log
        if head.size != tree.size:
            raise BadLog(why=f"{tree.size} records, not {head.size}", epoch=head.epoch)
        if head.root != tree.root:
            raise BadLog(why="the root is not that of the records", epoch=head.epoch)
        if log is None or permit.signed_by(log.domain, head, seal.sig) != log.log_key:
            raise BadLog(why="not signed by the log key of record 0", epoch=head.epoch)
        if head.epoch == self._first:
            self._older, self._grown = seal, consistency(tree)
        self.seal = seal

    @property
    def _tree(self) -> Tree:
        return self._grown.tree if isinstance(self._grown, Branch) else self._grown


def _whose(data: bytes) -> Log:
    record = Record.decode(data)
    if record.kind != "birth":
        raise BadLog(why="record 0 is no birth: whose log this is, nobody says")
    registry, log_key = (_address(record.body.get(name)) for name in ("registry", "log_key"))
    return Log(log_key, Domain(record.block.chain, registry))


def _address(said: object) -> Address:
    if type(said) is not str or not is_address(said):
        raise BadLog(why="record 0 names no log key, or no registry")
    return Address(to_checksum_address(said))
