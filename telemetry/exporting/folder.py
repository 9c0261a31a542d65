"""Where an export lies: parts of tables, and what each life leaves to go on from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from telemetry.auditing.shelf import Shelf
from telemetry.errors import BadKept

LIFE: Final = "life"
"""The note in a state that holds the life's row."""
_STATE: Final = ".state"
_TABLES: Final = ("lives", "transitions")

Row = Mapping[str, Any]


class Folder:
    """Two kinds of state: of lives that a chain vouches for, and of logs that stand alone."""

    def __init__(self, out: Path) -> None:
        self._out = out
        for name in (*_TABLES, _STATE):
            (out / name).mkdir(parents=True, exist_ok=True)

    def on_chain(self, life: str) -> Path:
        return self._state(life, "chain")

    def alone(self, life: str) -> Path:
        return self._state(life, "alone")

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
        """Remove a life: its states first, as a part that no state knows is harmless."""
        for state in (self.on_chain(life), self.alone(life)):
            state.unlink(missing_ok=True)
        self.trim(life, 0)

    def lives(self) -> Iterator[Row]:
        """The rows of all lives that are here."""
        for path in sorted((self._out / _STATE).glob("*.*")):
            if path.suffix in (".chain", ".alone") and (row := life_of(path)):
                yield row

    def _state(self, life: str, kind: str) -> Path:
        return self._out / _STATE / f"{_plain(life)}.{kind}"


def life_of(state: Path) -> Row | None:
    """A life's row as it was when its state was written; None where there is no state."""
    if not state.exists():
        return None
    shelf, _ = Shelf.load(state)
    with closing(shelf):
        try:
            row: Row = json.loads(shelf.recall(LIFE) or b"")
        except ValueError as error:
            raise BadKept(file=state.name, why=str(error)) from error
    return row


def _plain(life: str) -> str:
    return life.replace(":", "-")
