"""What every attack may use: a registry, and the kernel by its own numbers."""

from __future__ import annotations

import ctypes
import os
import platform

ATTACKS = {}
WITHOUT_TEETH = set()
BY_ROOT = set()
AFTER_NAMES = set()

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"


def attack(found=None, *, teeth=True, by_root=False, after_names=False):
    """`teeth`: unconfined it gets something, wherever the tests run; `by_root`: only as root.

    `after_names`: it only asks whether something is there, which one layer alone does not refuse.
    """

    def keep(function):
        ATTACKS[function.__name__] = function
        if not teeth:
            WITHOUT_TEETH.add(function.__name__)
        if by_root:
            BY_ROOT.add(function.__name__)
        if after_names:
            AFTER_NAMES.add(function.__name__)
        return function

    return keep(found) if found else keep


def raw(x86, arm, *arguments):
    """A call by its number; raises what the kernel says."""
    number = x86 if X86 else arm
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *given)
    if result < 0:
        fault = ctypes.get_errno()
        raise OSError(fault, os.strerror(fault))
    return result


def reads(fd):
    return os.read(fd, 4096)
