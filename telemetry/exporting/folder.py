"""Where an export lies: parts of tables, and what each life leaves to go on from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from telemetry.auditing.shelf import Shelf
from telemetry.errors import BadKept

LIFE: Final = "life"
"""The note in a state that holds the life's row."""
_STATE: Final = ".state"
_KINDS: Final = (".chain", ".alone")
_PART: Final = re.compile(
    r"(?P<life>\d+-0x[0-9a-f]{40}-\d+-0x[0-9a-f]{40})-(?P<t>\d{12,})\.parquet"
)
_TABLES: Final = ("lives", "transitions")

Row = Mapping[str, Any]


class Folder:
    """Two kinds of state: of lives that a chain vouches for, and of logs that stand alone."""

    def __init__(self, out: Path) -> None:
        self._out = out
        for name in (*_TABLES, _STATE):
            (out / name).mkdir(parents=True, exist_ok=True)
        self._sweep()

    def on_chain(self, life: str) -> Path:
        return self._state(life, ".chain")

    def alone(self, life: str) -> Path:
        return self._state(life, ".alone")

    def row(self, life: str) -> Row | None:
        """What is held of a life."""
        states = (self.on_chain(life), self.alone(life))
        return next((_row(state) for state in states if state.exists()), None)

    def part(self, life: str, t: int) -> Path:
        """The transitions of a life from number `t` on."""
        return self._out / "transitions" / f"{_plain(life)}-{t:012}.parquet"

    def trim(self, life: str, t: int) -> None:
        """Remove the parts from number `t` on, of which no state knows."""
        first = self.part(life, t).name
        for path in self._out.glob(f"transitions/{_plain(life)}-*.parquet"):
            if path.name >= first:
                path.unlink()

    def forget(self, life: str) -> None:
        """Remove a life: its states first, as parts that no state knows are swept away."""
        for state in (self.on_chain(life), self.alone(life)):
            state.unlink(missing_ok=True)
        self.trim(life, 0)

    def rows(self) -> Iterator[Row]:
        """Those of all lives that are here."""
        return (_row(state) for state in self._states())

    def _sweep(self) -> None:
        """Remove what a run that was killed has left: parts that no state knows."""
        known = {state.stem: _row(state)["decisions"] for state in self._states()}
        for path in self._out.glob("transitions/*.parquet"):
            ours = _PART.fullmatch(path.name)
            if ours and int(ours["t"]) >= known.get(ours["life"], 0):
                path.unlink()

    def _states(self) -> Iterator[Path]:
        every = sorted((self._out / _STATE).iterdir())
        return (path for path in every if path.suffix in _KINDS and path.name[0] != ".")

    def _state(self, life: str, kind: str) -> Path:
        return self._out / _STATE / f"{_plain(life)}{kind}"


def _row(state: Path) -> Row:
    """A life's row as it was when its state was written."""
    try:
        row: Row = json.loads(Shelf.peek(state, LIFE))
    except ValueError as error:
        raise BadKept(file=state.name, why=str(error)) from error
    return row


def _plain(life: str) -> str:
    return life.replace(":", "-")
