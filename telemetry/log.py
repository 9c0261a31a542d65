"""The log of one life: every record on disk before anything it decided is signed.

A record is appended by one durable statement. An epoch takes two durable steps: `cut` fixes what
the signer will be asked to sign, `seal` keeps its signature and so the checkpoint. Killed between
any two steps, the log goes on from there; asked twice, it answers the same. Only sealed epochs
are served to others. All calls come from one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from chain.types import Block
from telemetry.checkpoint import FIRST_PREV, MAX_RECORDS, Checkpoint, Head
from telemetry.cid import Cid, cid_of, digest_of, from_digest
from telemetry.errors import BadCheckpoint, BadRecord, LogClosed, LogDamaged, LogMoved
from telemetry.record import BlockRef, Record
from telemetry.recovery import State, recover, replay
from telemetry.store import EpochInfo
from telemetry.tables import EpochRow, Tables
from telemetry.tree import Tree, leaf_hash

SILENCE_MS: Final = 3_600_000
"""No log may promise less often than hourly that its life goes on."""


class Entry(NamedTuple):
    """An appended record: its place, the hash the next one repeats, and its bytes."""

    seq: int
    leaf: bytes
    data: bytes

    @property
    def cid(self) -> Cid:
        return cid_of(self.data)


def _promised(birth: Mapping[str, Any]) -> int:
    said = birth.get("silence_ms")
    return min(said, SILENCE_MS) if type(said) is int else SILENCE_MS


class Log:
    """Append-only, in one SQLite file that one process holds."""

    def __init__(self, path: Path, agent: int, clock: Callable[[], int]) -> None:
        """Open or begin the log of `agent`; `clock` gives wall time in milliseconds."""
        self._path, self._agent, self._clock = path, agent, clock
        self._tables = Tables(path)
        try:
            self._state, self._sealed, self._cut = recover(self._tables, agent)
            self.found = self.next_seq
            """So many records were there when it was opened."""
            self.silence_ms = self._promise() if self.found else SILENCE_MS
            """Two neighbouring records further apart have a `gap` between them; said at birth."""
        except BaseException:
            self._tables.close()
            raise

    def close(self) -> None:
        self._tables.close()

    @property
    def agent(self) -> int:
        return self._agent

    @property
    def next_seq(self) -> int:
        """The place the next record will have; what it draws depends on it."""
        return self._state.tree.size

    @property
    def root(self) -> bytes:
        """The root over all records so far."""
        return self._state.tree.root

    @property
    def ended(self) -> bool:
        return self._state.ended

    def append(
        self,
        kind: str,
        body: Mapping[str, Any],
        block: Block | BlockRef,
        place: int | None = None,
    ) -> Entry:
        """Put a record on disk; once this returns, no crash can take it back.

        After a silence a `gap` goes first. A record that was made for one `place` alone is then not
        appended: `LogMoved`.
        """
        tree, leaf, last_at, ended = self._state
        if ended:
            raise LogClosed(seq=tree.size - 1)
        at = max(last_at, self._clock())
        if tree.size == 0:
            self.silence_ms = _promised(body)
        elif at - last_at > self.silence_ms and kind != "gap":
            self._stall(block)
            return self.append(kind, body, block, place)
        if place not in (None, tree.size):
            raise LogMoved(place=place, next=tree.size)
        record = Record(self._agent, tree.size, at, block, leaf, kind, body)
        data = record.encode()
        after = self._state.after(record, leaf_hash(data))
        self._tables.add(record.seq, data)
        self._state = after
        return Entry(record.seq, after.leaf, data)

    def place(self, block: Block | BlockRef) -> int:
        """The place of a record that is to be made for it alone; a gap that is due goes first."""
        if self.next_seq and self._clock() - self._state.at > self.silence_ms:
            self._stall(block)
        return self.next_seq

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Each record's place and bytes, in order; appending meanwhile is allowed."""
        return self._tables.records(start, self.next_seq if stop is None else stop)

    def record(self, seq: int) -> Record:
        """One record; IndexError if there is none."""
        for _, data in self._tables.records(seq, seq + 1):
            return Record.decode(data)
        raise IndexError(seq)

    # Epochs

    @property
    def sealed(self) -> Checkpoint | None:
        """The newest sealed checkpoint."""
        return self._sealed

    @property
    def sealed_epochs(self) -> int:
        return self._sealed.head.epoch + 1 if self._sealed else 0

    @property
    def unsealed(self) -> int:
        """How many records are in no sealed epoch yet."""
        return self.next_seq - (self._sealed.head.size if self._sealed else 0)

    def cut(self) -> Head | None:
        """Decide durably what the next epoch is; None when there is nothing to publish."""
        if self._cut is None and self.unsealed:
            start = self.next_seq - self.unsealed
            tree = self._tree_at(start, min(self.next_seq, start + MAX_RECORDS))
            epoch = self.sealed_epochs
            prev = digest_of(self._sealed.cid) if self._sealed else FIRST_PREV
            self._tables.add_epoch(EpochRow(epoch, start, tree.size, prev, tree.dump()))
            self._cut = Head(self._agent, epoch, tree.size, tree.root, prev)
        return self._cut

    def seal(self, sig: bytes) -> Checkpoint:
        """Keep the signature of the epoch that was cut; from now on the epoch is public."""
        if self._cut is None:
            raise BadCheckpoint(why="no epoch waits for a signature")
        start = self._sealed.head.size if self._sealed else 0
        digests = tuple(sha256(data).digest() for _, data in self.records(start, self._cut.size))
        checkpoint = Checkpoint(self._cut, digests, sig)
        block = checkpoint.encode()
        self._tables.seal_epoch(self._cut.epoch, digest_of(cid_of(block)), block, digests)
        self._sealed, self._cut = checkpoint, None
        return checkpoint

    def checkpoint(self, epoch: int) -> Checkpoint:
        """A sealed epoch's checkpoint; IndexError if not sealed."""
        return Checkpoint.decode(self._sealed_row(epoch)[1])

    def epoch_blocks(self, epoch: int) -> tuple[Cid, list[bytes]]:
        """A sealed epoch's CID and its blocks, checkpoint first; IndexError if not sealed."""
        row, block = self._sealed_row(epoch)
        records = self.records(row.start, row.size)
        return cid_of(block), [block, *(data for _, data in records)]

    # What a node serves

    def agents(self) -> list[int]:
        return [self._agent] if self._sealed else []

    def head(self, agent: int) -> EpochInfo | None:
        return next(iter(self.epochs(agent, max(0, self.sealed_epochs - 1), 1)), None)

    def epochs(self, agent: int, start: int, limit: int) -> list[EpochInfo]:
        if agent != self._agent:
            return []
        rows = self._tables.sealed(start, limit)
        return [EpochInfo(epoch, from_digest(digest), size) for epoch, digest, size in rows]

    def block(self, cid: Cid) -> bytes | None:
        """A block of a sealed epoch; None if there is none of this name."""
        data = self._tables.named(digest_of(cid))
        if data is not None and cid_of(data) != cid:
            raise LogDamaged(path=self._path, why="a block is not what its name says", cid=cid)
        return data

    # What each target keeps

    def sent(self, target: str) -> int:
        """How many epochs, from the first on, this target is known to keep."""
        return self._tables.sent(target)

    def mark_sent(self, target: str, epochs: int) -> None:
        self._tables.mark_sent(target, epochs)

    def verify(self) -> None:
        """Walk the whole log from its birth; raises `LogDamaged` at the first contradiction."""
        if complaint := self._tables.complaint():
            raise LogDamaged(path=self._path, why=complaint)
        if replay(self._tables, self._agent, State()) != self._state:
            raise LogDamaged(path=self._path, why="the records give another root")

    def _promise(self) -> int:
        try:
            return _promised(self.record(0).body)
        except (BadRecord, IndexError) as error:
            raise LogDamaged(path=self._path, why="record 0 cannot be read") from error

    def _stall(self, block: Block | BlockRef) -> None:
        self.append("gap", {"since_ms": self._state.at, "reason": "stalled"}, block)

    def _sealed_row(self, epoch: int) -> tuple[EpochRow, bytes]:
        row = self._tables.epoch(epoch)
        if row is None or row.block is None:
            raise IndexError(epoch)
        return row, row.block

    def _tree_at(self, start: int, size: int) -> Tree:
        """The tree over the first `size` records, `start` being where the newest epoch ends."""
        if size == self.next_seq:
            return self._state.tree
        newest = self._tables.newest_epochs(1)
        tree = Tree.load(newest[0].tree) if newest else Tree()
        for _, data in self.records(start, size):
            tree = tree.append(leaf_hash(data))
        return tree
