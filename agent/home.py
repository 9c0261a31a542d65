"""The folder an agent lives in: where each thing lies, and the lock that lets one daemon in."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.errors import HomeHeld


@dataclass(frozen=True, slots=True)
class Home:
    """Names of the files in an agent's home."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "forager.toml"

    @property
    def genome(self) -> Path:
        return self.root / "genome.json"

    @property
    def models(self) -> Path:
        """What was fetched by CID, each file under its SHA-256."""
        return self.root / "models"

    @property
    def permit(self) -> Path:
        return self.root / "birth.json"

    @property
    def limits(self) -> Path:
        return self.root / "limits.json"

    @property
    def signer_config(self) -> Path:
        return self.root / "signer.toml"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def signer(self) -> Path:
        """The signer's own folder; its ledger is in it."""
        return self.root / "signer"

    @property
    def log(self) -> Path:
        return self.root / "log.sqlite"

    @property
    def notes(self) -> Path:
        return self.root / "life.json"

    @property
    def shop(self) -> Path:
        return self.root / "shop.sqlite"

    @property
    def cars(self) -> Path:
        return self.root / "cars"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def halt_asked(self) -> Path:
        """There while a halt waits for the signer to write it down."""
        return self.run / "halt"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def make_folders(self) -> None:
        for folder in (self.cars, self.run, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def hold(self) -> IO[str]:
        """Take the home for this process; the kernel gives it back when the process ends."""
        self.run.mkdir(parents=True, exist_ok=True)
        handle = (self.run / "daemon.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            handle.close()
            raise HomeHeld(
                f"another daemon (pid {holder}) lives in {self.root}", "stop it or use another home"
            ) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        return handle
