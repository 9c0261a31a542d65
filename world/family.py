"""Children that do not outlive their parent, however it ends: all that an arena starts."""

from __future__ import annotations

import contextlib
import signal

from agent.confinement import kernel


def end_with_parent() -> None:
    """Called in the child: the kernel kills it when the thread that started it ends.

    Where there is no such kernel it has to be ended by hand.
    """
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
