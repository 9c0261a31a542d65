"""Strategies of somebody else's, as an installer leaves them, and the smallest there is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.snapshots import GUARDIAN, PLACES

ROOT: Final = Path(__file__).parents[1]
FACTS: Final = {
    "compute": "lease-market",
    "market": str(PLACES.lease_market),
    "token": str(PLACES.token),
    "guardian": GUARDIAN,
}
"""What every child is told."""

QUIET: Final = """
class Quiet:
    name = "quiet"

    async def survey(self, read, seen):
        return {}

    def propose(self, seen):
        return []

def make(options, tools):
    return Quiet()
"""


def installed(folder: Path, name: str, points: Mapping[str, str]) -> None:
    """A distribution's entry points."""
    info = folder / f"{name.replace('-', '_')}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = [f"{point} = {value}" for point, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[forager.strategies]", *lines, ""]))


def reachable(patch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Found from here by the first folder, and by children in all of them."""
    patch.syspath_prepend(str(folders[0]))
    patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (*folders, ROOT))))


def install_quiet(folder: Path, patch: pytest.MonkeyPatch) -> None:
    installed(folder, "quiet", {"quiet": "quiet:make"})
    (folder / "quiet.py").write_text(QUIET)
    reachable(patch, folder)
