"""Runs an arena: what is missing is lived, told as it goes, and written down life by life."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from world.arena.engines import engine as engine_of
from world.arena.plan import Case
from world.arena.results import Results
from world.arena.scratch import swept
from world.errors import WorldError
from world.lived import Lived

LINE_S: Final = 10.0


@dataclass(slots=True)
class Ran:
    """What came of it."""

    lives: int = 0
    new: int = 0
    ticks: int = 0
    unsound: int = 0
    """Lives whose audit found a fault."""
    seconds: float = 0
    failed: list[tuple[Case, str]] = field(default_factory=list)


def run(
    cases: Sequence[Case],
    files: Sequence[Path],
    out: Path,
    *,
    engine: str = "local",
    workers: int = 1,
    tables: bool = False,
    quiet: bool = False,
) -> Ran:
    """Live the cases that have no row yet."""
    results, ran, began = Results(out), Ran(), time.monotonic()
    with results.held(), swept(str(out)):
        names = results.begin(files, cases)
        wanted = {(names[case.scenario], case.seed, case.policy): case for case in cases}
        done = {(row.scenario, row.seed, row.policy) for row in results.rows()}
        missing = [case for name, case in wanted.items() if name not in done]
        telling = Telling(len(wanted), len(wanted) - len(missing), quiet=quiet)
        lives = engine_of(engine, workers).live(missing, str(out), tables=tables)
        with closing(lives):
            for case, line in lives:
                if isinstance(line, BaseException):
                    ran.failed.append((case, f"{type(line).__name__}: {line}"))
                    telling.fault(case, line)
                    continue
                _add(results, line)
                row = Lived.from_line(line)
                ran.new += 1
                ran.ticks += row.ticks
                telling.one(row)
        rows = [row for row in results.rows() if (row.scenario, row.seed, row.policy) in wanted]
    ran.lives, ran.unsound = len(rows), sum(not row.audit_ok for row in rows)
    ran.seconds = time.monotonic() - began
    telling.end()
    return ran


def _add(results: Results, line: str) -> None:
    """Half a line, where the disk took no more, is taken off by whoever goes on."""
    try:
        results.add(line)
    except OSError as fault:
        raise WorldError(
            "a row of results cannot be written", folder=results.out, why=fault.strerror
        ) from None


class Telling:
    """Progress: on a terminal one line that changes, elsewhere a line now and then."""

    def __init__(self, total: int, done: int, *, quiet: bool) -> None:
        self._total, self._done, self._first = total, done, done
        self._quiet = quiet
        self._screen = sys.stderr.isatty()
        self._began = self._told = time.monotonic()
        self._ticks = 0
        if done and not quiet:
            sys.stderr.write(f"— {done} of {total} lives were lived before\n")

    def one(self, row: Lived) -> None:
        self._done += 1
        self._ticks += row.ticks
        now = time.monotonic()
        if self._quiet or (not self._screen and now - self._told < LINE_S):
            return
        self._told = now
        spent = now - self._began
        left_s = spent / (self._done - self._first) * (self._total - self._done)
        line = (
            f"— {self._done} of {self._total} lives, {self._ticks / spent:.0f} ticks a second, "
            f"about {left_s / 60:.0f} min left; {row.policy} in {row.scenario} {row.seed}: "
            f"{row.paid_h:.0f} h, {row.reason}"
        )
        sys.stderr.write(f"\r\x1b[K{line}" if self._screen else f"{line}\n")
        sys.stderr.flush()

    def fault(self, case: Case, fault: BaseException) -> None:
        sys.stderr.write(
            f"\n— {case.policy} in {case.world} {case.seed} could not be lived: {fault}\n"
        )

    def end(self) -> None:
        if self._screen and not self._quiet:
            sys.stderr.write("\n")
