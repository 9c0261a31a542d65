"""Writes verified logs as two tables, one life at a time; what cannot be verified is listed.

Each life leaves a file to go on from: the next time only its new epochs are read. A life that goes
on holds back its last decision, of which nobody knows yet what came of it. Killed at any point,
the next run finds whole tables and writes the unfinished part again, under the same name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from telemetry.auditing.audit import Asked, Audited, Progress, examining
from telemetry.auditing.findings import Finding
from telemetry.auditing.shelf import Shelf
from telemetry.errors import BadKept, SourceError, TelemetryError
from telemetry.exporting.card import card
from telemetry.exporting.columns import columns
from telemetry.exporting.files import Part, write_table, write_text
from telemetry.exporting.life import Row, Told, life_name, life_row, lives_table
from telemetry.exporting.money import Money
from telemetry.exporting.rows import Rows
from telemetry.exporting.schema import SEEN_SCHEMA
from telemetry.exporting.spool import Spool

FAR: Final = 2**62
_TOLD: Final = "told"
_LIFE: Final = "life"
_HELD: Final = "held"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one life."""

    asked: Asked
    life: str | None
    rows: int
    """New transitions."""
    refused: str | None = None
    findings: tuple[Finding, ...] = ()

    def line(self) -> str:
        """One line for a person."""
        parts = (self.asked.source, self.asked.agent)
        who = self.life or " ".join(str(part) for part in parts if part is not None)
        if self.refused is None:
            return f"{who}: {self.rows} new transitions"
        faults = [finding.kind for finding in self.findings if finding.level == "fault"]
        named = ", ".join(dict.fromkeys(faults))
        return f"{who}: refused, {self.refused}" + (f" ({named})" if named else "")

    def plain(self) -> Row:
        """A refusal as JSON has it."""
        return {
            "source": self.asked.source,
            "agent": self.asked.agent,
            "life": self.life,
            "why": self.refused,
            "findings": [
                {"kind": each.kind, "record": each.record, "detail": each.detail}
                for each in self.findings
                if each.level == "fault"
            ],
        }


@dataclass(slots=True)
class Exported:
    """What became of all of them."""

    out: Path
    done: list[Done] = field(default_factory=list)
    lives: int = 0
    transitions: int = 0

    @property
    def refused(self) -> Sequence[Done]:
        return [done for done in self.done if done.refused]

    def plain(self) -> Mapping[str, Any]:
        """As JSON has it."""
        return {
            "out": str(self.out),
            "lives": self.lives,
            "transitions": self.transitions,
            "new": sum(done.rows for done in self.done),
            "refused": [done.plain() for done in self.refused],
        }


async def export(
    asked: Sequence[Asked],
    out: Path,
    tell: Callable[[Done], None],
    progress: Progress | None = None,
) -> Exported:
    """Write the tables in `out`, or go on with them."""
    for folder in ("lives", "transitions", ".state"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    exported, seen = Exported(out), set[str]()
    for each in asked:
        done = await _one(each, out, seen, progress)
        exported.done.append(done)
        tell(done)
    lives = list(_lives(out / ".state"))
    refusals = [done.plain() for done in exported.refused]
    write_table(lives_table(lives), out / "lives" / "lives.parquet")
    write_text(out / "refused.json", json.dumps(refusals, indent=1) + "\n")
    write_text(out / "README.md", card(lives, refusals))
    exported.lives, exported.transitions = len(lives), sum(row["decisions"] for row in lives)
    return exported


async def _one(asked: Asked, out: Path, seen: set[str], progress: Progress | None) -> Done:
    """One life, or why not."""
    try:
        return await _life(asked, out, seen, progress)
    except BadKept:
        raise
    except TelemetryError as error:
        return Done(asked, None, 0, str(error))
    except (pa.ArrowInvalid, OverflowError) as error:
        return Done(asked, None, 0, f"a figure that no column holds: {error}")


async def _life(asked: Asked, out: Path, seen: set[str], progress: Progress | None) -> Done:
    kept = out / ".state" / _state_name(asked) if asked.registry and asked.rpc else None
    with Spool() as spool:
        async with examining(
            asked, progress=progress, harvest=columns, gather=spool.gather, kept=kept
        ) as audited:
            birth, verdict, shelf = audited.known.birth, audited.verdict, audited.shelf
            if not verdict.ok or birth is None:
                return Done(asked, None, 0, "the log is not sound", verdict.findings)
            name = life_name(birth)
            if name in seen:
                return Done(asked, name, 0, "this life was read from another source already")
            seen.add(name)
            told, money = Told.load(shelf.recall(_TOLD)), await Money.read(audited)
            for taken in spool.told:
                told.hear(taken)
            before = told.decisions
            told.decisions = _write(out, name, audited, told, money, spool)
            row = life_row(audited, birth, told, money)
            shelf.remember(_TOLD, told.dump())
            shelf.remember(_LIFE, json.dumps(row).encode())
            if kept is None:
                shelf.save(out / ".state" / f"{_file_name(name)}.kept", b"")
    return Done(asked, name, told.decisions - before)


def _write(
    out: Path, name: str, audited: Audited, told: Told, money: Money | None, spool: Spool
) -> int:
    """Write the new transitions into a file of their own; gives how many there are now."""
    birth, shelf, over = audited.known.birth, audited.shelf, audited.verdict.outcome
    signer = birth.log_key if birth else ""
    rows = Rows(name, signer, told.decisions, money, shelf.acts())
    with Part(out / "transitions" / f"{_file_name(name)}-{rows.t:012}.parquet") as part:
        for batch, following, last in _with_next(_held(shelf), spool.batches()):
            if last and over is None:
                kept = batch.num_rows - 1
                shelf.remember(_HELD, batch.slice(kept).serialize().to_pybytes())
                if kept:
                    block = batch.column("block")[kept].as_py()
                    part.add(rows.take(batch.slice(0, kept), block, None))
            else:
                part.add(rows.take(batch, following, over if last else None))
    if over is not None:
        shelf.remember(_HELD, b"")
    return rows.t


def _held(shelf: Shelf) -> Iterator[pa.RecordBatch]:
    """What an earlier run held back."""
    if held := shelf.recall(_HELD):
        yield pa.ipc.read_record_batch(pa.py_buffer(held), SEEN_SCHEMA)


def _with_next(
    *sources: Iterator[pa.RecordBatch],
) -> Iterator[tuple[pa.RecordBatch, int, bool]]:
    """Each batch, the block after its last row, and whether it is the last batch."""
    before: pa.RecordBatch | None = None
    for source in sources:
        for batch in source:
            if before is not None:
                yield before, batch.column("block")[0].as_py(), False
            before = batch
    if before is not None:
        yield before, FAR, True


def _lives(state: Path) -> Iterator[Row]:
    """The rows of all lives that were ever exported here."""
    for path in sorted(state.glob("*.kept")):
        shelf, _ = Shelf.load(path)
        try:
            if told := shelf.recall(_LIFE):
                yield json.loads(told)
        finally:
            shelf.close()


def _state_name(asked: Asked) -> str:
    if asked.agent is None:
        raise SourceError(why="name the agent, or a source of one alone")
    return f"{(asked.registry or '').lower()}-{asked.agent}.kept"


def _file_name(life: str) -> str:
    return life.replace(":", "-")
