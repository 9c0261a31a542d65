"""The layer that refuses files: what was not named beforehand cannot be opened, by any name.

Layers of Landlock only ever tighten. From its version 4 on it refuses TCP too, from 6 on signals
and abstract sockets. It does not hide whether a file is there, nor how long it is.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence
from typing import Final

from agent.confinement import kernel

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION: Final = 1
_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_FOLDER: Final = 1 << 3
_ALL_OF_TCP: Final = 0b11
_SOCKETS_AND_SIGNALS: Final = 0b11
_RIGHTS: Final = ((1, 13), (2, 14), (3, 15), (5, 16))
"""From which version on it knows how many rights to files."""
_KNOWS_TCP, _KNOWS_SCOPES = 4, 6


class _Rules(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def enter(readable: Sequence[str]) -> str:
    """From here on only what lies below these can be read; raises `OSError` where it is not had."""
    version = kernel.call(_CREATE, None, 0, _ASK_VERSION)
    rules = _Rules(
        files=(1 << rights(version)) - 1,
        network=_ALL_OF_TCP if version >= _KNOWS_TCP else 0,
        scoped=_SOCKETS_AND_SIGNALS if version >= _KNOWS_SCOPES else 0,
    )
    ruleset = kernel.call(_CREATE, ctypes.byref(rules), size(version), 0)
    try:
        for path in readable:
            _allow(ruleset, path)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return f"landlock {version}"


def rights(version: int) -> int:
    """How many rights to files this version of Landlock can take away."""
    return max(count for since, count in _RIGHTS if since <= version)


def size(version: int) -> int:
    """So much of the rules is understood by this version."""
    fields = 1 + (version >= _KNOWS_TCP) + (version >= _KNOWS_SCOPES)
    return fields * ctypes.sizeof(ctypes.c_uint64)


def _allow(ruleset: int, path: str) -> None:
    held = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        is_folder = stat.S_ISDIR(os.fstat(held).st_mode)
        beneath = _Beneath(_READ_FILE | _READ_FOLDER if is_folder else _READ_FILE, held)
        kernel.call(_ADD, ruleset, _BENEATH, ctypes.byref(beneath), 0)
    finally:
        os.close(held)
