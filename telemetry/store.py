"""What a node serves blocks from, and the archive: a store that keeps the epochs of many lives.

The agent's own store is its `Log`. An `Archive` takes epochs as CARs and refuses whatever
contradicts what it holds: an epoch has one checkpoint, its epochs are linked, and all of a life's
checkpoints are signed by the key that signed the first one it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from telemetry.car import Block
from telemetry.checkpoint import Checkpoint, Domain
from telemetry.cid import Cid, digest_of, from_digest
from telemetry.database import faults, open_exclusive, transaction
from telemetry.errors import BadCheckpoint, BadImport, BadRecord
from telemetry.record import Record


class EpochInfo(NamedTuple):
    """A published epoch: its number, its checkpoint's CID, and the records since birth up to it."""

    epoch: int
    cid: Cid
    size: int


class Store(Protocol):
    """Blocks by name, and which of them are whose epochs."""

    def block(self, cid: Cid) -> bytes | None: ...

    def agents(self) -> Sequence[int]: ...

    def head(self, agent: int) -> EpochInfo | None: ...

    def epochs(self, agent: int, start: int, limit: int) -> Sequence[EpochInfo]:
        """Return at most `limit` of the epochs held, in order, from number `start` on."""
        ...


def dag(store: Store, root: bytes) -> Iterator[bytes]:
    """Yield this block and all it links to, depth first; KeyError where one is missing."""
    yield root
    try:
        links = Checkpoint.decode(root).records
    except BadCheckpoint:  # a record: it links to nothing
        return
    for link in links:
        block = store.block(link)
        if block is None:
            raise KeyError(link)
        yield block


_SCHEMA: Final = """
CREATE TABLE blocks (digest BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE epochs (
    agent INTEGER NOT NULL, epoch INTEGER NOT NULL, size INTEGER NOT NULL,
    prev BLOB NOT NULL, digest BLOB NOT NULL UNIQUE, signer TEXT NOT NULL,
    PRIMARY KEY (agent, epoch)
) WITHOUT ROWID;
"""


class Archive:
    """Keeps logs after their lives have ended, in one SQLite file held by one process."""

    def __init__(self, path: Path, domain: Domain) -> None:
        self._path = path
        self._db = open_exclusive(path, _SCHEMA)
        self._domain = domain

    def close(self) -> None:
        self._db.close()

    def block(self, cid: Cid) -> bytes | None:
        row = self._db.execute("SELECT data FROM blocks WHERE digest = ?", (digest_of(cid),))
        return next((data for (data,) in row), None)

    def agents(self) -> list[int]:
        rows = self._db.execute("SELECT DISTINCT agent FROM epochs ORDER BY agent")
        return [agent for (agent,) in rows]

    def head(self, agent: int) -> EpochInfo | None:
        (newest,) = self._db.execute(
            "SELECT max(epoch) FROM epochs WHERE agent = ?", (agent,)
        ).fetchone()
        return None if newest is None else self.epochs(agent, newest, 1)[0]

    def epochs(self, agent: int, start: int, limit: int) -> list[EpochInfo]:
        query = """
            SELECT epoch, digest, size FROM epochs WHERE agent = ? AND epoch >= ?
            ORDER BY epoch LIMIT ?
        """
        rows = self._db.execute(query, (agent, start, limit))
        return [EpochInfo(epoch, from_digest(digest), size) for epoch, digest, size in rows]

    def roots(self) -> list[Cid]:
        """The checkpoints of all epochs held."""
        rows = self._db.execute("SELECT digest FROM epochs ORDER BY agent, epoch")
        return [from_digest(digest) for (digest,) in rows]

    def is_root(self, cid: Cid) -> bool:
        """Whether this is the checkpoint of an epoch held here."""
        query = "SELECT 1 FROM epochs WHERE digest = ?"
        return self._db.execute(query, (digest_of(cid),)).fetchone() is not None

    def keep(self, blocks: Sequence[Block]) -> EpochInfo:
        """Take one whole epoch, checkpoint first; taking it again changes nothing."""
        checkpoint = self._judge(blocks)
        head, digest = checkpoint.head, digest_of(blocks[0].cid)
        info = EpochInfo(head.epoch, blocks[0].cid, head.size)
        signer = checkpoint.signer(self._domain)
        with faults(self._path), transaction(self._db):
            self._match(checkpoint, digest)
            self._db.executemany(
                "INSERT OR IGNORE INTO blocks VALUES (?, ?)",
                ((digest_of(block.cid), block.data) for block in blocks),
            )
            self._db.execute(
                "INSERT OR IGNORE INTO epochs VALUES (?, ?, ?, ?, ?, ?)",
                (head.agent, head.epoch, head.size, head.prev, digest, signer),
            )
        return info

    def _judge(self, blocks: Sequence[Block]) -> Checkpoint:
        """Check what the epoch says of itself."""
        if not blocks:
            raise BadImport(why="no blocks")
        try:
            checkpoint = Checkpoint.decode(blocks[0].data)
            records = [Record.decode(block.data) for block in blocks[1:]]
        except (BadCheckpoint, BadRecord) as error:
            raise BadImport(**error.facts) from error
        if checkpoint.signer(self._domain) is None:
            raise BadImport(why="not signed", epoch=checkpoint.head.epoch)
        head, first = checkpoint.head, checkpoint.first
        if tuple(block.cid for block in blocks[1:]) != checkpoint.records:
            raise BadImport(why="the blocks are not the checkpoint's records", epoch=head.epoch)
        if any((r.agent, r.seq) != (head.agent, first + i) for i, r in enumerate(records)):
            raise BadImport(why="a record of another place", epoch=head.epoch)
        return checkpoint

    def _match(self, checkpoint: Checkpoint, digest: bytes) -> None:
        """Check it against the epochs already held."""
        head, first = checkpoint.head, checkpoint.first
        query = "SELECT size, prev, digest FROM epochs WHERE agent = ? AND epoch = ?"
        at = {
            step: self._db.execute(query, (head.agent, head.epoch + step)).fetchone()
            for step in (-1, 0, 1)
        }
        if at[0] and at[0][2] != digest:
            raise BadImport(why="another checkpoint of this epoch", epoch=head.epoch)
        if at[-1] and (at[-1][2] != head.prev or at[-1][0] != first):
            raise BadImport(why="it does not follow the epoch before", epoch=head.epoch)
        if at[1] and at[1][1] != digest:
            raise BadImport(why="the next epoch does not follow it", epoch=head.epoch)
        query = "SELECT signer FROM epochs WHERE agent = ? LIMIT 1"
        known = self._db.execute(query, (head.agent,)).fetchone()
        if known and known[0] != checkpoint.signer(self._domain):
            raise BadImport(why="signed by another key", agent=head.agent)
