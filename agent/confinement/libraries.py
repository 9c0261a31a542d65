"""What a confined strategy may still read: what Python is made of, our packages, and its own.

A stranger's module runs from its first line on, so nothing is gained by closing this later than
before that line; and modules that are imported late stay importable.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib import invalidate_caches
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OURS: Final = ("agent", "chain", "compute", "contracts", "strategies")
_OF_PACKAGES: Final = ("site-packages", "dist-packages")
_LIBC: Final = ("libc.so", "libc-", "ld-musl", "libc.musl")
_MAPS: Final = Path("/proc/self/maps")


def readable(module: str) -> tuple[str, ...]:
    """Folders and files, none within another; `module` is the one an entry point names."""
    top = module.partition(".")[0]
    named = [path for name in (*OURS, top) for path in _places(find_spec(name))]
    every = {*_interpreters(sys.path), *named, *_shared_libraries()}
    real = {os.path.realpath(path) for path in every}
    return outermost(path for path in every | real if Path(path).exists())


def look_again(module: str) -> None:
    """Folders are remembered as they were: see once more, while all of them can be seen, where
    the module is.
    """
    invalidate_caches()
    find_spec(module.partition(".")[0])


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Those that lie in none of the others."""
    kept: list[str] = []
    for path in sorted(map(os.path.normpath, paths)):
        if not any(path == other or path.startswith(f"{other}{os.sep}") for other in kept):
            kept.append(path)
    return tuple(kept)


def _interpreters(folders: Iterable[str]) -> Iterator[str]:
    """Where Python and installed packages live; other folders may hold anything at all."""
    homes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    for folder in folders:
        place = Path(folder)
        within = any(place.is_relative_to(home) and place != Path(home) for home in homes)
        if place.is_absolute() and (within or place.name in _OF_PACKAGES):
            yield folder


def _places(spec: ModuleSpec | None) -> Iterator[str]:
    """The folders of a package, or the one file of a module.

    A folder without `__init__.py` is no package here: any folder would be one by its name.
    """
    if spec is None or not spec.has_location or spec.origin is None:
        return
    if spec.submodule_search_locations is not None:
        yield from spec.submodule_search_locations
    else:
        yield spec.origin


def _shared_libraries() -> Iterator[str]:
    """The folder of C's library: those that compiled packages ask for are its neighbours."""
    if _MAPS.exists():
        for line in _MAPS.read_text("utf-8", "surrogateescape").splitlines():
            path = Path(line[line.find("/") :]) if "/" in line else Path()
            if path.name.startswith(_LIBC):
                yield str(path.parent)
