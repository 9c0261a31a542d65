"""How much a stranger may use, and that it gains nothing: held by the kernel, not by its will."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
from itertools import pairwise
from pathlib import Path
from typing import Final

from agent.confinement import kernel

MEMORY_BYTES: Final = 1 << 30
CPU_S: Final = 3600
"""In all; each answer has a deadline of its own. A child that used it up is started again."""
OPEN_FILES: Final = 64
_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION: Final = 0x20080522
_CLEAR_AMBIENT: Final = 4
_CAPABILITIES: Final = 64
_KILLED_FIRST: Final = "1000"
_BEYOND_ALL: Final = 1 << 20

LIMITS: Final = tuple(
    (getattr(resource, name), most)
    for name, most in (
        ("RLIMIT_AS", MEMORY_BYTES),
        ("RLIMIT_CPU", CPU_S),
        ("RLIMIT_NOFILE", OPEN_FILES),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_MEMLOCK", 0),
        ("RLIMIT_MSGQUEUE", 0),
    )
    if hasattr(resource, name)
)


def enter() -> str:
    """Bound everything that has a bound, for good; raises `OSError` where that cannot be had."""
    for which, most in LIMITS:
        _, hard = resource.getrlimit(which)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(which, (bound, bound))
        except ValueError as fault:
            raise OSError(errno.EINVAL, str(fault)) from None
    return "limits"


def are_kept() -> bool:
    """Whether memory, the one that a whole machine would feel, has an end."""
    try:
        most, hard = resource.getrlimit(resource.RLIMIT_AS)
    except OSError:
        return False
    return 0 < most <= MEMORY_BYTES and 0 < hard <= MEMORY_BYTES


def offer_first() -> None:
    """When memory runs out on this machine, it is this process that goes."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_KILLED_FIRST, "ascii")


def drop_capabilities() -> str:
    """Whoever started this as root has not made it one; raises `OSError` where that is not had."""
    with contextlib.suppress(OSError):  # not even allowed to give up what it does not have
        kernel.prctl(kernel.PR_CAP_AMBIENT, _CLEAR_AMBIENT)
        for each in range(_CAPABILITIES):
            kernel.prctl(kernel.PR_CAPBSET_DROP, each)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if kernel.MACHINE in _CAPSET:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        kernel.call(_CAPSET[kernel.MACHINE], header, (ctypes.c_uint32 * 6)())
    return "unprivileged"


def keep_only(*held: int) -> None:
    """Close every descriptor but these."""
    edges = (-1, *sorted(held), _BEYOND_ALL)
    for low, high in pairwise(edges):
        if high - low > 1:  # of an empty range some versions of Python make everything
            os.closerange(low + 1, high)
