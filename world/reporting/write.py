"""Puts a report into a folder: report.json, and report.html made of nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from world.errors import WorldError
from world.lived import Lived
from world.reporting.figures import figures
from world.reporting.given import Backtest, Bounds
from world.reporting.page import page
from world.reporting.shape import Figures


def write_report(
    folder: Path,
    rows: Iterable[Lived],
    bounds: Iterable[Bounds] = (),
    backtests: Sequence[Backtest] = (),
) -> Figures:
    """Each file whole or not at all."""
    told = figures(rows, bounds, backtests)
    _put(folder / "report.json", json.dumps(told, indent=1, allow_nan=False) + "\n")
    _put(folder / "report.html", page(told))
    return told


def _put(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, "utf-8")
        fresh.replace(path)
    except OSError as fault:
        raise WorldError("the report cannot be written", file=path, why=fault.strerror) from None
    finally:
        with suppress(OSError):
            fresh.unlink()
