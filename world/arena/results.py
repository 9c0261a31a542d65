"""An arena's results on disk: a line for each life, added as it ends, and never half a line taken.

Started again with the same folder, what is there is not lived again. A folder belongs to one
question and to one arena at a time: other scenarios under the same names are refused, and so is a
second arena while the first one writes. What somebody else has put there is refused in words.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from compute.manifest import digest_file
from world.arena.plan import Case
from world.errors import WorldError
from world.lived import BadRow, Lived
from world.scenario import load_scenario

ROWS: Final = "results.jsonl"
ASKED: Final = "arena.json"
LOCK: Final = "lock"


class Results:
    """The rows of one folder."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._path = out / ROWS
        with _kept(out):
            out.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes meanwhile; the kernel lets go when the process ends."""
        with _kept(self.out):
            handle = (self.out / LOCK).open("a", encoding="utf-8")
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise WorldError(
                    "another arena is writing there; wait, or name another folder", folder=self.out
                ) from None
            yield

    def begin(self, files: Sequence[Path], cases: Sequence[Case]) -> Mapping[str, str]:
        """Remember the worlds and the policies by their digests; gives each file its world's name.

        Raises `WorldError` if two files go by one name, or if a world or a policy was another
        before.
        """
        made = {str(path): load_scenario(path) for path in files}
        worlds = {scenario.name: scenario.digest for scenario in made.values()}
        if len(worlds) < len(made):
            raise WorldError("two of these scenarios go by one name", names=", ".join(worlds))
        asked = {"worlds": worlds, "policies": _policies(cases)}
        before = self.asked()
        for kind, ours in asked.items():
            theirs = before.get(kind, {})
            changed = [name for name, it in ours.items() if theirs.get(name, it) != it]
            if changed:
                raise WorldError(
                    f"these results are of other {kind} of this name; name another folder",
                    folder=self.out,
                    name=changed[0],
                )
        told = {kind: {**before.get(kind, {}), **ours} for kind, ours in asked.items()}
        with _kept(self.out):
            part = (self.out / ASKED).with_suffix(".part")
            part.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
            part.replace(self.out / ASKED)
            self._mend()
        return {path: scenario.name for path, scenario in made.items()}

    def asked(self) -> Mapping[str, Mapping[str, Any]]:
        """Worlds by name, with their digests, and policies by name, with what they are."""
        path = self.out / ASKED
        if not path.exists():
            return {}
        with _kept(self.out):
            raw = path.read_bytes()
        try:
            told: Any = json.loads(raw)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict) or not all(isinstance(each, dict) for each in told.values()):
            raise WorldError("no arena wrote this; name another folder, or remove it", file=path)
        return told

    def rows(self) -> list[Lived]:
        """Each life once, however often its line was copied; raises `BadRow` for what is none."""
        if not self._path.exists():
            return []
        with _kept(self.out):
            raw = self._path.read_bytes()
        found: dict[tuple[str, int, str], Lived] = {}
        for row in map(Lived.from_line, raw.splitlines()):
            if found.setdefault((row.scenario, row.seed, row.policy), row) != row:
                raise BadRow(
                    "Two lives of one case",
                    scenario=row.scenario,
                    seed=row.seed,
                    policy=row.policy,
                )
        return list(found.values())

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


@contextmanager
def _kept(out: Path) -> Iterator[None]:
    """What the disk refuses is said in a line."""
    try:
        yield
    except OSError as fault:
        raise WorldError("results cannot be kept there", folder=out, why=fault.strerror) from None


def _policies(cases: Sequence[Case]) -> Mapping[str, Mapping[str, Any]]:
    """What each policy of these cases is: a model by its digest, or a rule by its name."""
    first = {case.policy: case for case in reversed(cases)}
    return {
        name: {
            "sha256": digest_file(Path(case.model)) if case.model else "",
            "without": list(case.without),
            "generation": case.generation,
            "epsilon": case.epsilon,
            **({"chooses": case.chooses} if case.chooses else {}),
        }
        for name, case in sorted(first.items())
    }
