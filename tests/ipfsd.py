"""A real IPFS daemon on this machine, without a network: Kubo where there is one, or js-ipfs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import Request, urlopen

HERE: Final = Path(__file__).parent / "interop"
MODULES: Final = HERE / "node_modules"
START_S: Final = 40.0
STOP_S: Final = 5.0
ASK_S: Final = 20.0


def node() -> str:
    """What runs JavaScript; a failure, not a skip, where the tools are not set up.

    Node's own word for where it is: the command may be another program that starts it.
    """
    command = shutil.which("node")
    assert command, "no Node found: run make test, which sets up what the tests need"
    assert MODULES.is_dir(), "js-ipfs and Helia are not here: run scripts/setup-interop"
    said = subprocess.run([command, "-p", "process.execPath"], capture_output=True, check=True)
    return said.stdout.decode().strip()


class Ipfsd:
    """One daemon on one port, which it keeps when it is started again."""

    def __init__(self, repo: Path) -> None:
        self._repo = repo
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._output = repo.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,  # closed when the tests end, however they end
                stdout=output,
                stderr=output,
                env=self._environment(),
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            alive = self._process.poll() is None and time.monotonic() < deadline
            assert alive, f"no IPFS daemon: {self._output.read_text()[-2000:]}"
            time.sleep(0.1)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finally:
            if process.stdin:
                process.stdin.close()

    def freeze(self) -> None:
        """It is there and answers nobody."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def forget(self) -> None:
        """Nothing is pinned, nothing is kept."""
        for cid in self.pins():
            self.ask("pin/rm", arg=cid)
        if any(
            entry["Name"] == "forager" for entry in self.ask("files/ls", arg="/")["Entries"] or []
        ):
            self.ask("files/rm", arg="/forager", recursive="true")
        self.ask("repo/gc")

    def pins(self) -> set[str]:
        found = self.ask("pin/ls", type="recursive", **{"cid-base": "base32"})
        return set(found.get("Keys") or {})

    def ask(self, command: str, **params: str) -> Any:
        """The last line of the command's answer, read as JSON."""
        lines = self.read(command, **params).decode().splitlines()
        return json.loads(lines[-1]) if lines else None

    def read(self, command: str, **params: str) -> bytes:
        address = f"{self.url}/api/v0/{command}?{urlencode(params)}"
        request = Request(address, method="POST")  # noqa: S310  # the daemon's own loopback port
        with urlopen(request, timeout=ASK_S) as answer:  # noqa: S310  # likewise
            found: bytes = answer.read()
        return found

    def _command(self) -> list[str]:
        if not _kubo_is_here():
            return [node(), str(HERE / "daemon.mjs"), str(self._repo), str(self._port)]
        if not self._repo.exists():
            self._kubo("init", "--empty-repo", "--profile=test")
            self._kubo("config", "Addresses.API", f"/ip4/127.0.0.1/tcp/{self._port}")
        return ["ipfs", "daemon", "--offline"]

    def _kubo(self, *words: str) -> None:
        subprocess.run(
            ["ipfs", *words], env=self._environment(), check=True, capture_output=True, timeout=60
        )

    def _environment(self) -> dict[str, str]:
        return os.environ | {"IPFS_PATH": str(self._repo), "IPFS_TELEMETRY": "off"}

    def _answers(self) -> bool:
        try:
            self.read("version")
        except OSError:
            return False
        return True


def _kubo_is_here() -> bool:
    """Whether the `ipfs` on this machine's path says that it is Kubo."""
    if shutil.which("ipfs") is None:
        return False
    said = subprocess.run(["ipfs", "version", "--all"], capture_output=True, text=True, check=False)
    return "kubo version" in said.stdout.lower()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
