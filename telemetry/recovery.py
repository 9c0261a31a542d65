"""Taking up a log again: from its newest epochs, checking every record since; or all of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from telemetry.checkpoint import Checkpoint, Head
from telemetry.errors import BadCheckpoint, BadRecord, LogDamaged
from telemetry.record import NO_PREV, Record
from telemetry.tables import EpochRow, Tables
from telemetry.tree import Tree, leaf_hash


class State(NamedTuple):
    """All that appending needs to know of the records before."""

    tree: Tree = Tree()
    leaf: bytes = NO_PREV
    at: int = 0
    ended: bool = False

    def after(self, record: Record, leaf: bytes) -> State:
        return State(self.tree.append(leaf), leaf, record.at, record.kind == "end")


class Found(NamedTuple):
    """A log as it was left: its end, its newest sealed checkpoint, and an epoch cut since."""

    state: State
    sealed: Checkpoint | None
    cut: Head | None


def recover(tables: Tables, agent: int) -> Found:
    """Find where the log of `agent` was left; raises `LogDamaged` where it contradicts itself."""
    owner = tables.agent(agent)
    if owner != agent:
        raise LogDamaged(path=tables.path, why="the log of another agent", agent=owner)
    found = Found(State(), None, None)
    for row in tables.newest_epochs(2):  # the newest may be cut and not sealed yet
        state, head, sealed = _epoch(tables, agent, row)
        found = Found(state, sealed or found.sealed, None if sealed else head)
    return found._replace(state=replay(tables, agent, found.state))


def replay(tables: Tables, agent: int, state: State) -> State:
    """Check every record behind this state and add it."""
    for seq, data in tables.records(state.tree.size, 2**62):
        record = _record(tables.path, seq, data)
        found = (seq, record.seq, record.agent, record.prev)
        expected = (state.tree.size, state.tree.size, agent, state.leaf)
        if found != expected or record.at < state.at or state.ended:
            raise LogDamaged(path=tables.path, why="a record is out of place", seq=seq)
        state = state.after(record, leaf_hash(data))
    return state


def _epoch(tables: Tables, agent: int, row: EpochRow) -> tuple[State, Head, Checkpoint | None]:
    """The state at an epoch's end, its head, and its checkpoint if it was sealed."""
    try:
        tree = Tree.load(row.tree)
        head = Head(agent, row.epoch, row.size, tree.root, row.prev)
        sealed = Checkpoint.decode(row.block) if row.block else None
    except (ValueError, BadCheckpoint) as error:
        why = f"an epoch cannot be read: {error}"
        raise LogDamaged(path=tables.path, why=why, epoch=row.epoch) from error
    last = next(tables.records(row.size - 1, row.size), None)
    if tree.size != row.size or last is None or (sealed and sealed.head != head):
        raise LogDamaged(path=tables.path, why="an epoch contradicts itself", epoch=row.epoch)
    record = _record(tables.path, *last)
    return State(tree, leaf_hash(last[1]), record.at, record.kind == "end"), head, sealed


def _record(path: Path, seq: int, data: bytes) -> Record:
    try:
        return Record.decode(data)
    except BadRecord as error:
        raise LogDamaged(path=path, why=str(error), seq=seq) from error
