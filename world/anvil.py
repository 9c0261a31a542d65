"""Anvil as a child process: found, started in a group of its own, ended by its id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from world.errors import DevnetGone, NoAnvil
from world.family import end_with_parent

REPOSITORY: Final = Path(__file__).parent.parent
ENDING_S: Final = 10.0


def find_anvil(environment: Mapping[str, str], root: Path = REPOSITORY) -> str:
    """FORAGER_ANVIL, or what npm installed here, or what is on PATH."""
    if named := environment.get("FORAGER_ANVIL"):
        if found := shutil.which(named):
            return found
        raise NoAnvil("FORAGER_ANVIL names no program", path=named)
    native = sorted((root / "node_modules/@foundry-rs").glob("anvil-*/bin/anvil"))
    for candidate in (*native, root / "node_modules/.bin/anvil"):
        if os.access(candidate, os.X_OK):
            return str(candidate)
    if found := shutil.which("anvil", path=environment.get("PATH")):
        return found
    raise NoAnvil("Anvil is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Anvil:
    """A running Anvil; it writes to `log` only what it has to complain about."""

    process: asyncio.subprocess.Process
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    async def start(cls, program: str, port: int, log: Path, options: Sequence[str]) -> Anvil:
        """Started is not yet ready: ask it something until it answers."""
        arguments = ("--host", "127.0.0.1", "--port", str(port), "--quiet", *options)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=end_with_parent,  # it makes one call, and takes no lock
            )
        return cls(process, port, log)

    def check(self) -> None:
        """Raise `DevnetGone` if it has ended."""
        if (code := self.process.returncode) is not None:
            raise DevnetGone(code=code, log=self.log)

    async def end(self) -> None:
        """Ask it to end; make it end when it does not, and its children with it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), ENDING_S)
            except TimeoutError:
                os.killpg(self.process.pid, signal.SIGKILL)
                await self.process.wait()
