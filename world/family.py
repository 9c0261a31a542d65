"""Processes that do not outlive whoever started them, however that ends: all of an arena's."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading

from agent.confinement import kernel


def end_with_parent() -> None:
    """Called in a child: the kernel kills it when the thread that started it ends.

    Where there is no such kernel it has to be ended by hand.
    """
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with_asker() -> None:
    """Called in a worker of `multiprocessing`, whose parent may only be a server of forks."""
    asker = multiprocessing.parent_process()
    if asker is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([asker.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
