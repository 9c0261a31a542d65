"""What is tried before a stranger is let in: each must be refused, whatever the layers say."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from agent.confinement import limits

FILES: Final = "files"
NETWORK: Final = "network"
PROCESSES: Final = "processes"
MEMORY: Final = "memory"

PROBES: Final = (
    "/etc/passwd",
    "/etc/hostname",
    "/proc/self/environ",
    "/proc/version",
    "/dev/null",
    "/dev/zero",
)
_FAMILIES: Final = ("AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK")
_KINDS: Final = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW)
_PROBE: Final = ".forager-probe"
_TO_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def openable() -> tuple[str, ...]:
    """The probes that can be opened now: only their refusal later on proves anything."""
    return tuple(path for path in PROBES if _opens(path))


def lacking(before: Iterable[str], folders: Iterable[str]) -> tuple[str, ...]:
    """What is still not refused or has no end: files, network, processes, memory."""
    found = {
        FILES: _reads(tuple(before)) or any(map(_creates, ("/", "/tmp", *folders))),  # noqa: S108
        NETWORK: _connects(),
        PROCESSES: _forks(),
        MEMORY: not limits.are_kept(),
    }
    return tuple(name for name, reached in found.items() if reached)


def _reads(before: tuple[str, ...]) -> bool:
    """Where nothing could be opened before, nothing has been shown."""
    return not before or any(map(_opens, before))


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _creates(folder: str) -> bool:
    path = Path(folder) / _PROBE
    try:
        os.close(os.open(path, _TO_CREATE, 0o600))
    except FileExistsError:
        return True
    except OSError:
        return False
    with contextlib.suppress(OSError):
        path.unlink()
    return True


def _connects() -> bool:
    families = [getattr(socket, name) for name in _FAMILIES if hasattr(socket, name)]
    return any(_makes_socket(family, kind) for family in families for kind in _KINDS)


def _makes_socket(family: int, kind: int) -> bool:
    try:
        socket.socket(family, kind).close()
    except OSError:
        return False
    return True


def _forks() -> bool:
    try:
        child = os.fork()
    except OSError:
        return False
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True
