"""Where lives are lived: a folder of the arena's own, swept when it begins and when it ends.

A life writes much and little of it stays, so where there is a disk of memory it is lived there.
What a killed arena leaves there is swept by the next one that writes the same results.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # the folder in it is ours alone


def folder_for(out: str) -> Path:
    """For the lives whose results go there."""
    place = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    mark = hashlib.sha256(str(Path(out).resolve()).encode()).hexdigest()[:16]
    return place / f"forager-arena-{os.getuid()}-{mark}"


@contextmanager
def swept(out: str) -> Iterator[None]:
    """Only for whoever holds the results: nobody else's life is lived there."""
    folder = folder_for(out)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def room(out: str) -> Iterator[Path]:
    """For one life; gone afterwards."""
    folder = folder_for(out)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as place:
        yield Path(place)
