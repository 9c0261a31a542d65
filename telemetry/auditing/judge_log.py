"""Judges the log's own mathematics: leaves, links, the growing tree, and who signed its heads.

What lies after a hole is still judged as far as it can be; each hole is found once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chain.types import Address
from telemetry.auditing import findings as kinds
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_story import Story
from telemetry.auditing.source import Piece
from telemetry.auditing.told import Mark, Told
from telemetry.car import Block, read_car
from telemetry.checkpoint import FIRST_PREV, Checkpoint, Domain
from telemetry.cid import Cid, digest_of
from telemetry.errors import BadCar, BadCheckpoint, BadRecord
from telemetry.record import NO_PREV, Record
from telemetry.tree import Tree, leaf_hash


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who must have signed the checkpoints, and where that counts."""

    log_key: str
    domain: Domain


class LogJudge:
    """Walks a log once, epoch by epoch, in little memory."""

    def __init__(self, told: Told, found: Findings, keeper: Keeper | None) -> None:
        self.head: Cid | None = None
        self.epochs = 0
        self._told = told
        self._found = found
        self._keeper = keeper
        self._story = Story(told, found)
        self._epoch = 0
        self._seq = 0
        self._leaf: bytes | None = NO_PREV
        self._digest: bytes | None = FIRST_PREV
        self._tree: Tree | None = Tree()

    def read(self, piece: Piece) -> None:
        """Judge one epoch's file; whatever it holds, this returns."""
        try:
            root, blocks = read_car(piece.stream)
            checkpoint = _checkpoint(root, blocks)
        except BadCar as error:
            self._found.fault(kinds.DAMAGED, f"{piece.name}: {error}")
            return
        except BadCheckpoint as error:
            self._found.fault(kinds.CHECKPOINT, f"{piece.name}: {error}")
            return
        if self._follows(checkpoint, piece.name):
            self._records(checkpoint, blocks, piece.name)
            self._seal(checkpoint, root)

    def _follows(self, checkpoint: Checkpoint, name: str) -> bool:
        head = checkpoint.head
        if head.agent != self._told.agent:
            self._found.fault(kinds.SEQUENCE, f"{name}: a checkpoint of agent {head.agent}")
            return False
        if head.epoch < self._epoch:
            self._found.fault(kinds.SEQUENCE, f"{name}: epoch {head.epoch} comes again or too late")
            return False
        if head.epoch > self._epoch:
            self._hole(f"epochs {self._epoch} to {head.epoch - 1} are not there")
            self._seq = head.size - len(checkpoint.records)
        elif self._digest not in (None, head.prev):
            self._found.fault(kinds.LINK, f"epoch {head.epoch}: prev is not the checkpoint before")
        return True

    def _hole(self, why: str) -> None:
        self._found.fault(kinds.MISSING, why)
        self._tree = self._leaf = self._digest = None

    def _records(self, checkpoint: Checkpoint, blocks: Iterator[Block], name: str) -> None:
        done = 0
        try:
            for data in _listed(checkpoint, blocks):
                self._record(data)
                done += 1
        except BadCar as error:
            self._found.fault(kinds.DAMAGED, f"{name}: {error}")
            if done < len(checkpoint.records):
                self._tree = self._leaf = None
                self._seq = checkpoint.head.size

    def _record(self, data: bytes) -> None:
        leaf, before = leaf_hash(data), self._leaf
        if self._tree is not None:
            self._tree = self._tree.append(leaf)
        self._leaf, expected = leaf, self._seq
        self._seq += 1
        self._told.records += 1
        try:
            record = Record.decode(data)
        except BadRecord as error:
            self._found.fault(kinds.RECORD, str(error), expected)
            return
        if record.agent != self._told.agent or record.seq != expected:
            said = f"agent {record.agent}, seq {record.seq}, where seq {expected} was due"
            self._found.fault(kinds.SEQUENCE, said, expected)
        if before not in (None, record.prev):
            self._found.fault(kinds.LINK, "prev is not the leaf of the record before", expected)
        self._story.see(record, expected)

    def _seal(self, checkpoint: Checkpoint, cid: Cid) -> None:
        head = checkpoint.head
        if self._tree is not None:
            if head.size != self._tree.size:
                said = f"epoch {head.epoch}: says {head.size} records, there are {self._tree.size}"
                self._found.fault(kinds.TREE, said)
            elif head.root != self._tree.root:
                self._found.fault(kinds.TREE, f"epoch {head.epoch}: not the root of its records")
        elif head.size != self._seq:
            self._found.fault(kinds.TREE, f"epoch {head.epoch}: size {head.size}, not {self._seq}")
        keeper = self._keeper or self._claimed()
        if keeper is None or not checkpoint.signed_by(keeper.log_key, keeper.domain):
            self._found.fault(kinds.SIGNATURE, f"epoch {head.epoch}: not signed by the log key")
        self._epoch, self._digest, self.head = head.epoch + 1, digest_of(cid), cid
        self.epochs += 1
        self._told.marks[head.epoch] = Mark(head.epoch, head.size, head.root, digest_of(cid))

    def _claimed(self) -> Keeper | None:
        """Without a chain the log's own birth record says whose key it is."""
        birth = self._told.birth
        if birth is None:
            return None
        return Keeper(birth.log_key, Domain(birth.chain, Address(birth.registry)))


def _checkpoint(root: Cid, blocks: Iterator[Block]) -> Checkpoint:
    first = next(blocks, None)
    if first is None or first.cid != root:
        raise BadCar(why="the root's block does not come first")
    return Checkpoint.decode(first.data)


def _listed(checkpoint: Checkpoint, blocks: Iterator[Block]) -> Iterator[bytes]:
    """The records that a checkpoint lists, all of them, in their order and no others."""
    for place, cid in enumerate(checkpoint.records):
        block = next(blocks, None)
        if block is None or block.cid != cid:
            raise BadCar(why="not the record that its checkpoint lists", place=place)
        yield block.data
    if next(blocks, None) is not None:
        raise BadCar(why="more blocks than its checkpoint lists")
