"""The layer that shows another world: a network without a link, a root with libraries alone.

Many kernels and containers do not let everybody have it. Where they do, files that are not there
cannot even be asked after.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.confinement import kernel

_UNSHARE: Final = {"x86_64": 272, "aarch64": 97}
_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41}
_USER, _MOUNTS, _NETWORK, _MESSAGES, _NAMES = (
    0x10000000,
    0x00020000,
    0x40000000,
    0x08000000,
    0x04000000,
)
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_PROGRAMS = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 32, 4096, 16384, 1 << 18
_DETACH: Final = 2
_STAGE: Final = "/dev"
"""The new root is built here: every system has this folder, and no library lies in it."""
_SMALL: Final = "size=1m,nr_inodes=1k,mode=755"


def enter(readable: Sequence[str]) -> str:
    """From here on there is nothing but these; raises `OSError` where that cannot be had."""
    if kernel.MACHINE not in _UNSHARE:
        raise OSError(errno.ENOSYS, "no numbers of calls are known for this machine")
    user, group = os.geteuid(), os.getegid()
    everything = _USER | _MOUNTS | _NETWORK | _MESSAGES | _NAMES
    kernel.call(_UNSHARE[kernel.MACHINE], everything)
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
    _build(readable)
    _move_in()
    return "namespaces"


def _build(readable: Sequence[str]) -> None:
    """Mounts that come from outside stay outside; ours are seen by nobody else."""
    kernel.mount("none", "/", "", _RECURSIVE | _PRIVATE)
    kernel.mount("tmpfs", _STAGE, "tmpfs", _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS, _SMALL)
    for path in readable:
        _show(path, f"{_STAGE}{path}")
    flags = _REMOUNT | _BIND | _READ_ONLY | _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS
    kernel.mount("none", _STAGE, "", flags)


def _show(path: str, shown: str) -> None:
    """The same file or folder, read only, under its own name in the new root."""
    if Path(path).is_dir():
        Path(shown).mkdir(parents=True)
    else:
        Path(shown).parent.mkdir(parents=True, exist_ok=True)
        Path(shown).touch()
    kernel.mount(path, shown, "", _BIND | _RECURSIVE)
    # What the mount it comes from forbids must stay forbidden, or the kernel refuses.
    inherited = os.statvfs(path).f_flag & (_NO_SETUID | _NO_DEVICES | _NO_PROGRAMS)
    kernel.mount("none", shown, "", _REMOUNT | _BIND | _READ_ONLY | inherited)


def _move_in() -> None:
    """The old root is put on top of the new one, and then taken off."""
    os.chdir(_STAGE)
    kernel.call(_PIVOT_ROOT[kernel.MACHINE], b".", b".")
    kernel.unmount(".", _DETACH)
    os.chdir("/")
