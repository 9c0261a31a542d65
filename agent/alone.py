"""Signer and agent in one container: two users, started by a root that then ceases to be one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.errors import UsedWrongly
from agent.users import AGENT, ROOT, SIGNER, Places, User, become, refuse_new_privileges

LAST_S: Final = 10.0
"""What the signer gets between being told to stop and being stopped."""
PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "PYTHONUNBUFFERED", "PYTHONSAFEPATH")
"""What the signer inherits; the agent's settings are none of its business."""
STOPS: Final = (signal.SIGTERM, signal.SIGINT)
HALT: Final = signal.SIGUSR1
PASSED: Final = (*STOPS, HALT)
STDOUT: Final = 1
STDERR: Final = 2
CANNOT_START: Final = 127


@dataclass(frozen=True, slots=True)
class Pair:
    """The two commands."""

    signer: tuple[str, ...]
    agent: tuple[str, ...]


def pair(places: Places) -> Pair:
    return Pair(
        signer=(sys.executable, "-P", "-m", "chain.signer", str(places.signer / "signer.toml")),
        agent=(sys.executable, "-P", "-m", "agent", "run", "--home", str(places.agent), "--json"),
    )


@dataclass(slots=True)
class Supervisor:
    """Starts both, passes a stop on to the agent and a halt to the signer; one ending ends both."""

    signer: int = 0
    agent: int = 0
    told: bool = False
    halted: bool = False
    commands: bool = False
    """The signer serves, and this process is one that may signal it."""

    def run(self, commands: Pair, environment: Mapping[str, str]) -> int:
        """The agent's exit code, or 1 when the signer did not serve until the end."""
        if os.getuid() != ROOT:
            raise UsedWrongly(
                f"alone is started as root, this is user {os.getuid()}",
                "give --user 0 --cap-drop ALL --cap-add SETUID --cap-add SETGID",
            )
        refuse_new_privileges()
        for number in STOPS:
            signal.signal(number, self._stop)
        signal.signal(HALT, self._halt)
        own = {name: environment[name] for name in PASSED_ON if name in environment}
        answer, says = os.pipe()
        self.signer = _start(commands.signer, SIGNER, own, stdout=says)
        os.close(says)
        serving = _serves(answer)
        if serving and not self.told:
            self.agent = _start(commands.agent, AGENT, environment)
        become(SIGNER, commanding=AGENT)
        if self.told:
            _signal(self.agent)  # it may have been told while the agent was being started
        self.commands = serving
        if self.halted and serving:
            _signal(self.signer, HALT)
        code = self._wait() if self.agent else int(not serving)
        self._end_signer()
        return code

    def _wait(self) -> int:
        """Whatever ends is reaped, for this is process 1; one ending ends both."""
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == self.agent:
                self.agent = 0
                return _code(status)
            if pid == self.signer:
                self.signer = 0
                _signal(self.agent)
                os.waitpid(self.agent, 0)
                return 1

    def _end_signer(self) -> None:
        _signal(self.signer)
        until = time.monotonic() + LAST_S
        while self.signer and os.waitpid(self.signer, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                _signal(self.signer, signal.SIGKILL)
            time.sleep(0.05)

    def _halt(self, number: int, frame: object) -> None:
        """The signer is who signs: it writes the halt down, and the agent hears of it there."""
        del number, frame
        self.halted = True
        if self.commands:
            _signal(self.signer, HALT)

    def _stop(self, number: int, frame: object) -> None:
        del number, frame
        self.told = True
        _signal(self.agent)


def _start(
    command: tuple[str, ...], user: User, environment: Mapping[str, str], stdout: int = STDOUT
) -> int:
    """A child that is this user alone: with root gone, all capabilities are."""
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED)
    pid = os.fork()
    if pid == 0:
        try:
            for number in PASSED:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED)
            become(user)
            os.dup2(stdout, STDOUT)
            os.execve(command[0], command, dict(environment))  # noqa: S606 - no shell is wanted
        except (OSError, UsedWrongly) as fault:
            os.write(STDERR, f"forager: {fault}\n".encode())
        finally:
            os._exit(CANNOT_START)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED)
    return pid


def _serves(answer: int) -> bool:
    """Its one line says whether it serves; what keeps it from serving is on its stderr."""
    with os.fdopen(answer, "rb") as stream, contextlib.suppress(ValueError, AttributeError):
        return json.loads(stream.readline()).get("ready") is True
    return False


def _signal(pid: int, number: signal.Signals = signal.SIGTERM) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _code(status: int) -> int:
    """As a shell gives it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
