"""One process group that holds a lock for as long as it lives, so that there are never two of it.

The lock is the kernel's: the child inherits it and writes its own id beside it, so a provider that
was killed finds its children again, and a second provider cannot start a second one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

UNKNOWN: Final = -1
"""The exit code of a child that was another provider's when it ended."""

_WRITE_ID_THEN_BECOME: Final = 'echo $$ >"$0"; exec "$@"'
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, where, with what besides the plainest environment; `log` takes its output."""

    argv: Sequence[str]
    folder: Path
    env: Mapping[str, str]
    lock: Path
    log: Path


class Child:
    """A started or adopted process group, told apart only by whether its exit code can be known."""

    def __init__(
        self, pid: int, lock: Path, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        self.pid = pid
        self._lock = lock
        self._process = process

    def exit_code(self) -> int | None:
        """None while it lives; whatever a child of our own leaves behind is ended with it."""
        if self._process is None:
            return _code_by_lock(self._lock)
        if (code := self._process.poll()) is not None:
            self.kill()
        return code

    def terminate(self) -> None:
        """Asks the leader alone: it ends its own children in the order it needs them."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def start(command: Command) -> Child | None:
    """None when one is alive already and cannot be told what to do."""
    if (lock := _take(command.lock)) is None:
        return adopt(command.lock)
    try:
        os.ftruncate(lock, 0)
        with command.log.open("ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _WRITE_ID_THEN_BECOME, str(command.lock), *command.argv],
                cwd=command.folder,
                env={**_plain_environment(), **command.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,
            )
    finally:
        os.close(lock)
    return Child(process.pid, command.lock, process)


def adopt(lock: Path) -> Child | None:
    """The child that an earlier provider started, if it still lives."""
    if not lock.exists() or _code_by_lock(lock) is not None:
        return None
    text = lock.read_text().strip()
    if not text.isdecimal():
        return None
    pid = int(text)
    with contextlib.suppress(ProcessLookupError):
        if os.getsid(pid) == pid:
            return Child(pid, lock)
    return None


def _take(lock: Path) -> int | None:
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _code_by_lock(lock: Path) -> int | None:
    if (handle := _take(lock)) is None:
        return None
    os.close(handle)
    return UNKNOWN


def _plain_environment() -> dict[str, str]:
    """What a program needs to run; nothing that may be the provider's secret."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
