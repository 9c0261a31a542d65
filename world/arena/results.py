"""An arena's results on disk: a line for each life, added as it ends, and never half a line taken.

Started again with the same folder, what is there is not lived again. A folder belongs to one
question: other scenarios under the same names are refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from world.errors import WorldError
from world.lived import Lived
from world.scenario import load_scenario

ROWS: Final = "results.jsonl"
ASKED: Final = "arena.json"


class Results:
    """The rows of one folder."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._path = out / ROWS
        out.mkdir(parents=True, exist_ok=True)

    def begin(self, files: Sequence[Path], asked: Mapping[str, object]) -> None:
        """Remember the worlds by their digests; raises `WorldError` if they were others before."""
        worlds = {(made := load_scenario(path)).name: made.digest for path in files}
        known = self.out / ASKED
        before: dict[str, str] = {}
        if known.exists():
            before = json.loads(known.read_text("utf-8"))["worlds"]
            changed = [name for name, it in worlds.items() if before.get(name, it) != it]
            if changed:
                raise WorldError(
                    "these results are of other worlds of this name; name another folder",
                    folder=self.out,
                    scenario=changed[0],
                )
        text = json.dumps({"worlds": before | worlds, **asked}, indent=1) + "\n"
        part = known.with_suffix(".part")
        part.write_text(text, "utf-8")
        part.replace(known)
        self._mend()

    def rows(self) -> list[Lived]:
        if not self._path.exists():
            return []
        lines = self._path.read_text("utf-8").splitlines()
        return [Lived.from_line(line) for line in lines]

    def add(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _mend(self) -> None:
        """A line that was being written when everything stopped is taken off again."""
        if self._path.exists():
            raw = self._path.read_bytes()
            if raw and not raw.endswith(b"\n"):
                with self._path.open("rb+") as file:
                    file.truncate(raw.rfind(b"\n") + 1)
