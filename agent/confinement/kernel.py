"""The kernel's calls that Python has no name for; each raises `OSError`, as those of `os` do."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from typing import Any, Final

PR_SET_PDEATHSIG: Final = 1
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47

_IS_KNOWN: Final = platform.system() == "Linux" and sys.maxsize > 1 << 32
MACHINE: Final = platform.machine() if _IS_KNOWN else ""
"""Empty where the kernel is another one, or numbers its calls for half as many bits."""
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: Any) -> int:
    """A call by its number: integers as the kernel takes them, and pointers."""
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return _made("syscall", ctypes.c_long(number), *given)


def prctl(option: int, *arguments: int) -> int:
    given = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4]]
    return _made("prctl", option, *given)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    texts = (source.encode(), target.encode(), kind.encode())
    _made("mount", *texts, ctypes.c_ulong(flags), options.encode())


def unmount(target: str, flags: int) -> None:
    _made("umount2", target.encode(), flags)


def _made(name: str, *arguments: Any) -> int:
    if not MACHINE:
        raise OSError(errno.ENOSYS, "this system is none that is known")
    ctypes.set_errno(0)
    result = getattr(_LIBC, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)
