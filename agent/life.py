"""The phases of a life, and the few notes that outlast the process."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from agent.errors import IntegrityFault, NotesUnwritable, UsedWrongly


class Phase(StrEnum):
    """Where a life stands."""

    UNBORN = "unborn"
    LIVING = "living"
    HALTED = "halted"
    ENDING = "ending"
    ENDED = "ended"


class Turn(StrEnum):
    """What moves a life from one phase to another."""

    BORN = "born"
    HALTED = "halted"
    RESUMED = "resumed"
    DYING = "dying"
    DRAINED = "drained"
    GONE = "gone"


NEXT: Final = {
    (Phase.UNBORN, Turn.BORN): Phase.LIVING,
    (Phase.LIVING, Turn.HALTED): Phase.HALTED,
    (Phase.HALTED, Turn.RESUMED): Phase.LIVING,
    (Phase.LIVING, Turn.DYING): Phase.ENDING,
    (Phase.HALTED, Turn.DRAINED): Phase.ENDING,
    (Phase.ENDING, Turn.HALTED): Phase.HALTED,  # only before the end is written
    (Phase.ENDING, Turn.GONE): Phase.ENDED,
}


@dataclass(frozen=True, slots=True)
class Notes:
    """Kept in the home; all but the phase could be read again from the log and the chain."""

    phase: Phase = Phase.UNBORN
    agent: int = 0
    seed: str = ""
    born_at: int = 0
    born_block: int = 0
    last_active_at: int = 0
    first_open_nonce: int = 0
    """Every nonce below this one is settled and in the log."""
    first_open_seq: int = 0
    """No record before this one speaks of an intent that is open."""
    inflows_block: int = 0
    """Gifts up to this block are in the log."""
    stopped: bool = False
    """The last stop was asked for; otherwise the process was killed."""
    drained: bool = False
    """The operator has asked for everything back after a halt."""
    waiting: int = 0
    """Epochs that some target did not keep when the process ended."""
    reason: str = ""
    cause: str = ""

    def turn(self, turn: Turn, **changes: Any) -> Notes:
        """The only way to another phase; an impossible turn is a fault of ours."""
        if (self.phase, turn) not in NEXT:
            raise IntegrityFault(f"a life that is {self.phase} cannot be {turn}")
        return replace(self, phase=NEXT[self.phase, turn], **changes)


def load(path: Path) -> Notes:
    """A home without notes holds an unborn agent."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        return Notes(**{**raw, "phase": Phase(raw["phase"])})
    except FileNotFoundError:
        return Notes()
    except (OSError, ValueError, TypeError, KeyError):
        raise UsedWrongly(f"{path} is damaged", "restore it; log and ledger are kept") from None


def save(path: Path, notes: Notes) -> None:
    """Replace the notes as one step that a crash cannot halve; raises `NotesUnwritable`."""
    try:
        _replace(path, json.dumps(asdict(notes), indent=1))
    except OSError as fault:
        raise NotesUnwritable(
            f"{path} cannot be written: {fault.strerror}", "free some space where the home is"
        ) from None


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
