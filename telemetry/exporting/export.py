"""Writes verified logs as two tables, one life at a time; what cannot be verified is listed.

Each life leaves a file to go on from: the next time only its new epochs are read. Killed at any
point, the next run finds whole tables and writes the unfinished part again, under the same name.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from telemetry.auditing.audit import Asked, Audited, Progress, examining
from telemetry.auditing.findings import WITHOUT_KEY, Finding
from telemetry.auditing.said import Birth
from telemetry.auditing.shelf import Shelf
from telemetry.errors import BadKept, TelemetryError
from telemetry.exporting.card import card
from telemetry.exporting.columns import columns
from telemetry.exporting.files import Part, write_table, write_text
from telemetry.exporting.folder import LIFE, Folder, Row
from telemetry.exporting.life import Told, life_row, lives_table, name_of, outcome_of
from telemetry.exporting.money import Money
from telemetry.exporting.rows import Rows
from telemetry.exporting.spool import Spool, framed, unframed
from telemetry.others_words import tame

FAR: Final = 2**62
PATIENCE: Final = 4_096
"""Records for which a decision waits for the last of its transactions."""
Look = Callable[[Audited], Awaitable[None]]
TOLD: Final = "told"
HELD: Final = "held"


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
    look: Look | None = None,
) -> Exported:
    """Write the tables in `out`, or go on with them; `look` is shown every audit as it is made."""
    folder, exported = Folder(out), Exported(out)
    for each in asked:
        done = await _one(each, folder, progress, look)
        exported.done.append(done)
        tell(done)
    lives = list(folder.rows())
    refusals = [done.plain() for done in exported.refused]
    write_table(lives_table(lives), out / "lives" / "lives.parquet")
    write_text(out / "refused.json", json.dumps(refusals, indent=1) + "\n")
    write_text(out / "README.md", card(lives, refusals))
    exported.lives, exported.transitions = len(lives), sum(row["decisions"] for row in lives)
    return exported


async def _one(asked: Asked, folder: Folder, progress: Progress | None, look: Look | None) -> Done:
    """One life, or why not."""
    try:
        return await _life(asked, folder, progress, look)
    except BadKept:
        raise
    except TelemetryError as error:
        return Done(asked, None, 0, tame(str(error)))
    except (pa.ArrowInvalid, OverflowError) as error:
        return Done(asked, None, 0, tame(f"a figure that no column holds: {error}"))


async def _life(asked: Asked, folder: Folder, progress: Progress | None, look: Look | None) -> Done:
    with Spool() as spool:
        async with examining(
            asked, progress=progress, harvest=columns, gather=spool.gather, kept_at=folder.on_chain
        ) as audited:
            if look is not None:
                await look(audited)
            birth, verdict = audited.known.birth, audited.verdict
            name = audited.name or (name_of(birth) if birth else None)
            held = folder.row(name) if name else None
            if not verdict.ok or birth is None or name is None:
                if name and held and _is_its_own(audited, held):
                    folder.forget(name)  # what was sound once is so no more
                return Done(asked, name, 0, "the log is not sound", verdict.findings)
            fresh = audited.shelf.recall(TOLD) is None
            if fresh and held and _is_strange(audited, held):
                return Done(asked, name, 0, "another key signs what is here of this life")
            if fresh and held and not _adds(audited, held):
                return Done(asked, name, 0)
            before = int(held["decisions"]) if held else 0
            return Done(asked, name, await _tell(audited, birth, folder, spool) - before)


def _is_its_own(audited: Audited, held: Row) -> bool:
    """Whether only the key whose log is held could have made of it what is wrong now."""
    if any(each.level == "fault" and each.kind in WITHOUT_KEY for each in audited.verdict.findings):
        return False
    if audited.witness is not None:
        return True
    return _stands_alone(held) and not _is_strange(audited, held)


def _stands_alone(held: Row) -> bool:
    return bool(held["verified"] == "internal")


def _is_strange(audited: Audited, held: Row) -> bool:
    """Whether two logs that both stand alone are signed by two keys."""
    birth = audited.known.birth
    alone = audited.witness is None and _stands_alone(held)
    return alone and (birth is None or birth.log_key != str(held["signer"]))


def _adds(audited: Audited, held: Row) -> bool:
    """Whether a log that was read anew takes the place of what is held."""
    longer = audited.verdict.records > int(held["records"])
    if audited.witness is None:
        return longer and _stands_alone(held)
    return longer or _stands_alone(held)


async def _tell(audited: Audited, birth: Birth, folder: Folder, spool: Spool) -> int:
    """Write what is new, then the state that says so; gives how many transitions there are."""
    name, shelf = name_of(birth), audited.shelf
    note, money = shelf.recall(TOLD), await Money.read(audited)
    told = Told.load(note)
    told.hear(spool.told)
    lives_table([life_row(audited, birth, told, money)])  # or it is refused before it is written
    if note is None:
        folder.forget(name)
    else:
        folder.trim(name, told.decisions)
    rows = Rows(name, birth.log_key, told.decisions, told.reached, money, shelf.acts())
    held = _write(folder.part(name, told.decisions), audited, rows, spool)
    told.decisions, told.reached = rows.t, rows.reached
    shelf.remember(HELD, b"".join(framed(batch.serialize().to_pybytes()) for batch in held))
    shelf.remember(TOLD, told.dump())
    shelf.remember(LIFE, json.dumps(life_row(audited, birth, told, money)).encode())
    audited.keep((folder.on_chain if audited.witness else folder.alone)(name))
    return told.decisions


def _write(path: Path, audited: Audited, rows: Rows, spool: Spool) -> Sequence[pa.RecordBatch]:
    """Write new transitions into a file of their own; gives those that are held back.

    A life that goes on holds back its last decision, and all from the first on whose transactions
    have not settled.
    """
    over, ready = outcome_of(audited), _ready(audited)
    held: list[pa.RecordBatch] = []
    with Part(path) as part:
        for batch, following, last in _with_next(_held(audited.shelf), spool.batches()):
            seqs = batch.column("seq").to_pylist()
            until = min(ready, seqs[-1]) if last and over is None else ready
            count = 0 if held else bisect_left(seqs, until)
            known, waits = batch.slice(0, count), batch.slice(count)
            if waits.num_rows:
                held.append(waits)
            if known.num_rows:
                block = _first_block(waits) if waits.num_rows else following
                part.add(rows.take(known, block, over if last else None))
    return held


def _ready(audited: Audited) -> int:
    """The first decision of which it is not known yet, and may still be, what became of it."""
    waits = audited.shelf.first_unsettled(audited.verdict.records - PATIENCE)
    return FAR if waits is None or outcome_of(audited) is not None else waits


def _held(shelf: Shelf) -> Iterator[pa.RecordBatch]:
    """What an earlier run held back."""
    try:
        yield from unframed(BytesIO(shelf.recall(HELD) or b""))
    except (pa.ArrowInvalid, OSError) as error:
        raise BadKept(why=str(error)) from error


def _with_next(
    *sources: Iterator[pa.RecordBatch],
) -> Iterator[tuple[pa.RecordBatch, int, bool]]:
    """Each batch, the block after its last row, and whether it is the last batch."""
    before: pa.RecordBatch | None = None
    for source in sources:
        for batch in source:
            if before is not None:
                yield before, _first_block(batch), False
            before = batch
    if before is not None:
        yield before, FAR, True


def _first_block(batch: pa.RecordBatch) -> int:
    return int(batch.column("block")[0].as_py())
