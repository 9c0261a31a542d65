"""The calls that computing in Python takes, by their numbers on the machines we know.

What is not here cannot be called: nothing that makes a socket, a process or a thread, that writes
a file, watches, signals or maps another process, or asks the kernel to work on its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, NamedTuple

from agent.confinement.bpf import Allowed, Among, Nothing, Test, Without


class Machine(NamedTuple):
    """How the kernel tells an architecture, and the column of its numbers below."""

    audit: int
    column: int


MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": Machine(0xC000003E, 0),
    "aarch64": Machine(0xC00000B7, 1),
}

NUMBERS: Final[Mapping[str, tuple[int | None, int | None]]] = {
    # bytes in and out of what is open already
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "close": (3, 57),
    "dup": (32, 23),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    # files, for the importing of modules; which of them, Landlock says
    "open": (2, None),
    "openat": (257, 56),
    "stat": (4, None),
    "lstat": (6, None),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "fadvise64": (221, 223),
    # its own memory
    "brk": (12, 214),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    # waiting
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441),
    "futex": (202, 98),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "sched_yield": (24, 124),
    "restart_syscall": (219, 128),
    # clocks and chance
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrandom": (318, 278),
    # what it is
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getsid": (124, 156),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getrlimit": (97, 163),
    "prlimit64": (302, 261),
    "getrusage": (98, 165),
    "sched_getaffinity": (204, 123),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    # signals to itself, and its end
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

_TO_WRITE: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_TEMPORARY: Final = 0o20000000
"""`__O_TMPFILE`: a new file without a name."""
_READING: Final = _TO_WRITE | _TEMPORARY
_DUPLICATE, _GET_FD, _SET_FD, _GET_FLAGS, _DUPLICATE_CLOSED = 0, 1, 2, 3, 1030
_IS_TERMINAL, _CLOSE_ON_EXEC, _KEEP_ON_EXEC = 0x5401, 0x5451, 0x5450


def allowed(machine: str, pid: int) -> tuple[Allowed, ...]:
    """What the process of this id may call on this machine; raises `KeyError` for another one."""
    column = MACHINES[machine].column
    tests = _tests(pid)
    return tuple(
        Allowed(number, tests.get(name, ()))
        for name, numbers in NUMBERS.items()
        if (number := numbers[column]) is not None
    )


def _tests(pid: int) -> Mapping[str, tuple[Test, ...]]:
    """A descriptor's owner is signalled by the kernel, so none may be named; nor may limits be."""
    return {
        "open": (Without(1, _READING),),
        "openat": (Without(2, _READING),),
        "fcntl": (Among(1, (_DUPLICATE, _GET_FD, _SET_FD, _GET_FLAGS, _DUPLICATE_CLOSED)),),
        "ioctl": (Among(1, (_IS_TERMINAL, _CLOSE_ON_EXEC, _KEEP_ON_EXEC)),),
        "prlimit64": (Among(0, (0,)), Nothing(2)),
        "kill": (Among(0, (pid,)),),
        "tgkill": (Among(0, (pid,)),),
    }
