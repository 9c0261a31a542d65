"""Joins epochs that were judged alone: the links between them, the growing tree, the story.

What lies after a hole is still judged as far as it can be; each hole is found once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from heapq import nsmallest
from typing import Any, Final, NamedTuple

from cbrrr import decode_dag_cbor, encode_dag_cbor

from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import (
    OTHER_SINCE,
    SAMPLE,
    Epoch,
    Event,
    Known,
    Seen,
    backwards,
    silence,
)
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_story import Story
from telemetry.auditing.said import Gap, Mark
from telemetry.auditing.shelf import Shelf
from telemetry.checkpoint import FIRST_PREV, MAX_RECORDS, Head
from telemetry.errors import BadKept
from telemetry.record import NO_PREV, plain
from telemetry.tree import Tree

VERSION: Final = 2


class Since(NamedTuple):
    """The next epoch, and the digest of the checkpoint before it."""

    epoch: int
    digest: bytes


class LogJudge:
    """Takes epochs in their order; keeps of them what the chain can confirm."""

    def __init__(self, shelf: Shelf, found: Findings) -> None:
        self.records = 0
        self.epochs = 0
        self.last_block = 0
        self.head: Mark | None = None
        """The newest checkpoint that was read."""
        self.story = Story(shelf, found)
        self.sample: list[Seen] = []
        self.decided = array("Q")
        """The blocks that decisions were read at."""
        self._shelf = shelf
        self._found = found
        self._epoch = 0
        self._seq = 0
        self._at: int | None = None
        self._leaf: bytes | None = NO_PREV
        self._digest: bytes | None = FIRST_PREV
        self._tree: Tree | None = Tree()

    @property
    def since(self) -> Since | None:
        """Where reading goes on; None at the beginning, or behind a hole."""
        return Since(self._epoch, self._digest) if self._epoch and self._digest else None

    def knows(self, epoch: int, digest: bytes) -> bool:
        """Whether this checkpoint has been read."""
        mark = self._shelf.marked(epoch)
        return mark is not None and mark.digest == digest

    def dump(self) -> bytes:
        """All that is not on the shelf, of a log without a hole."""
        return encode_dag_cbor(
            plain(
                {
                    "v": VERSION,
                    "records": self.records,
                    "epochs": self.epochs,
                    "last_block": self.last_block,
                    "head": list(self.head) if self.head else None,
                    "sample": [list(seen) for seen in self.sample],
                    "decided": self.decided.tobytes(),
                    "epoch": self._epoch,
                    "at": self._at,
                    "leaf": self._leaf,
                    "digest": self._digest,
                    "tree": self._tree.dump() if self._tree else None,
                    "story": self.story.dump(),
                }
            )
        )

    def resume(self, state: bytes) -> None:
        """Stand where another judge stood when it was dumped; raises `BadKept`."""
        try:
            kept: Any = decode_dag_cbor(state)
            if kept["v"] != VERSION:
                raise ValueError("of another version")  # noqa: TRY301 - as damaged as the rest
            self.records, self.epochs = kept["records"], kept["epochs"]
            self.last_block, self.head = kept["last_block"], Mark(*kept["head"])
            self.sample = [Seen(*seen) for seen in kept["sample"]]
            self.decided.frombytes(kept["decided"])
            self._epoch, self._seq, self._at = kept["epoch"], kept["records"], kept["at"]
            self._leaf, self._digest = kept["leaf"], kept["digest"]
            self._tree = Tree.load(kept["tree"])
            self.story.resume(kept["story"])
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise BadKept(why=str(error)) from error

    def join(self, epoch: Epoch, known: Known, name: str) -> None:
        """Judge what one epoch has to do with those before it."""
        self._found.absorb(epoch.found)
        if epoch.head is None or not self._follows(epoch, epoch.head, name):
            return
        self._begin(epoch, known)
        self._shelf.deal_in(epoch.tokens)
        self.story.tell(_placed(epoch, epoch.head, self._seq), epoch.flags, self._seq)
        self._grow(epoch)
        if epoch.leaves and (why := backwards(self.last_block, epoch.first_block)) is not None:
            self._found.fault(kinds.CLOCK, why)
        self.last_block = max(self.last_block, epoch.last_block)
        self._seal(epoch, epoch.head)
        self.decided.frombytes(epoch.decided)
        self.sample = nsmallest(SAMPLE, [*self.sample, *epoch.sample])

    def _follows(self, epoch: Epoch, head: Head, name: str) -> bool:
        if head.epoch < self._epoch:
            said = f"{name}: epoch {head.epoch} comes again or too late"
            self._found.fault(kinds.SEQUENCE, said)
            return False
        if head.epoch > self._epoch:
            self._hole(f"epochs {self._epoch} to {head.epoch - 1} are not there")
            most = self._seq + (head.epoch - self._epoch) * MAX_RECORDS
            self._seq = max(self._seq, min(head.size - epoch.listed, most))
        elif self._digest not in (None, head.prev):
            self._found.fault(kinds.LINK, f"epoch {head.epoch}: prev is not the checkpoint before")
        return True

    def _hole(self, why: str) -> None:
        self._found.fault(kinds.MISSING, why)
        self._tree = self._leaf = self._digest = self._at = None

    def _begin(self, epoch: Epoch, known: Known) -> None:
        """How the epoch's first record follows the last one before it."""
        if None not in (self._leaf, epoch.prev) and self._leaf != epoch.prev:
            self._found.fault(kinds.LINK, "prev is not the leaf of the record before", self._seq)
        if self._at is None or epoch.began is None:
            return
        if epoch.began < self._at:
            self._found.fault(kinds.CLOCK, "earlier than the record before", self._seq)
        elif epoch.gap and not _since(epoch, self._at):
            self._found.fault(kinds.SILENCE, OTHER_SINCE, self._seq)
        elif not epoch.gap and (why := silence(known.birth, self._at, epoch.began)):
            self._found.fault(kinds.SILENCE, why, self._seq)

    def _grow(self, epoch: Epoch) -> None:
        if self._tree is not None:
            self._tree = self._tree.extend(epoch.leaves)
        self._leaf = epoch.leaves[-1] if epoch.leaves else self._leaf
        self._seq += epoch.listed
        self._at = max(self._at or 0, epoch.ended)
        self.records += len(epoch.leaves)
        if not epoch.whole:
            self._tree = self._leaf = self._at = None

    def _seal(self, epoch: Epoch, head: Head) -> None:
        if self._tree is not None:
            if head.size != self._tree.size:
                said = f"epoch {head.epoch}: says {head.size} records, there are {self._tree.size}"
                self._found.fault(kinds.TREE, said)
            elif head.root != self._tree.root:
                self._found.fault(kinds.TREE, f"epoch {head.epoch}: not the root of its records")
        elif head.size != self._seq:
            self._found.fault(kinds.TREE, f"epoch {head.epoch}: size {head.size}, not {self._seq}")
        if not epoch.signed:
            self._found.fault(kinds.SIGNATURE, f"epoch {head.epoch}: not signed by the log key")
        self._epoch, self._digest = head.epoch + 1, epoch.digest
        self.epochs += 1
        self.head = Mark(head.epoch, head.size, head.root, epoch.digest)
        self._shelf.mark(self.head, self.last_block)


def _placed(epoch: Epoch, head: Head, first: int) -> Iterable[Event]:
    """What its records say, by their true places: a checkpoint's size may be a lie."""
    away = first - (head.size - epoch.listed)
    if not away:
        return epoch.events
    return [event._replace(seq=event.seq + away) for event in epoch.events]


def _since(epoch: Epoch, at: int) -> bool:
    """Whether the gap that an epoch begins with says when the record before it was written."""
    said = epoch.events[0].said if epoch.events else None
    return isinstance(said, Gap) and said.since_ms == at
