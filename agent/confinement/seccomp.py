"""The layer that refuses calls: no socket, no process, no thread, nothing but computing."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from typing import Final

from agent.confinement import kernel, syscalls
from agent.confinement.bpf import Step, program

_CALL: Final = {"x86_64": 317, "aarch64": 277}
_SET_FILTER: Final = 1
_EVERY_THREAD: Final = 1


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def enter() -> str:
    """From here on this process only computes; raises `OSError` where that cannot be had."""
    machine = syscalls.MACHINES.get(kernel.MACHINE)
    if machine is None:
        raise OSError(errno.ENOSYS, "no list of calls is written for this machine")
    install(program(machine.audit, syscalls.allowed(kernel.MACHINE, os.getpid())))
    return "seccomp"


def install(steps: Sequence[Step]) -> None:
    """The kernel takes it only from those who can gain no privilege any more."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    rows = (_Step * len(steps))(*(_Step(*step) for step in steps))
    given = ctypes.byref(_Program(len(steps), rows))
    kernel.call(_CALL[kernel.MACHINE], _SET_FILTER, _EVERY_THREAD, given)
