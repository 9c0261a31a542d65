"""A small chain of the worker's own to put promises on, for who evolves without a network.

It runs only while something is promised or looked up: what it holds is on disk when it has ended.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from os import environ
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from chain.keys import Key
from finetune.errors import NoPromise
from finetune.plan import Registrar
from world.anvil import find_anvil, free_port
from world.family import end_with_parent

KEY: Final = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""One that every Anvil funds and everybody knows; it guards nothing."""
PATIENCE_S: Final = 20.0


@contextlib.contextmanager
def notary(folder: Path) -> Iterator[Registrar]:
    """An Anvil by the wall's clock, a block for each transaction; its state stays in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [find_anvil(environ), "--host", "127.0.0.1", "--port", str(port), "--quiet"]
    command += ["--state", str(folder / "state.json")]
    with (folder / "anvil.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509  # it makes one call, and takes no lock
        )
    try:
        rpc = f"http://127.0.0.1:{port}"
        _answering(rpc, process)
        yield Registrar(rpc, Key(KEY))
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answering(rpc: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    at = urlsplit(rpc)
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((at.hostname, at.port), 1):
            return
        time.sleep(0.1)
    raise NoPromise("the chain for promises does not answer")
