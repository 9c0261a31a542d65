"""An arena's results on disk: a line for each life, added as it ends, and never half a line taken.

Started again with the same folder, what is there is not lived again. A folder belongs to one
question and to one arena at a time: other scenarios under the same names are refused, and so is a
second arena while the first one writes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from world.errors import WorldError
from world.lived import Lived
from world.scenario import load_scenario

ROWS: Final = "results.jsonl"
ASKED: Final = "arena.json"
LOCK: Final = "lock"


class Results:
    """The rows of one folder."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._path = out / ROWS
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise WorldError(
                "results cannot be kept there", folder=out, why=fault.strerror
            ) from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes meanwhile; the kernel lets go when the process ends."""
        with (self.out / LOCK).open("a", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise WorldError(
                    "another arena is writing there; wait, or name another folder", folder=self.out
                ) from None
            yield

    def begin(self, files: Sequence[Path], asked: Mapping[str, object]) -> Mapping[str, str]:
        """Remember the worlds by their digests; gives each file's name for its world.

        Raises `WorldError` if two files go by one name, or if one was another world before.
        """
        made = {str(path): load_scenario(path) for path in files}
        worlds = {scenario.name: scenario.digest for scenario in made.values()}
        if len(worlds) < len(made):
            raise WorldError("two of these scenarios go by one name", names=", ".join(worlds))
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
        return {path: scenario.name for path, scenario in made.items()}

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
