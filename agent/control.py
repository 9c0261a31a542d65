"""The daemon's own socket: how `status`, `halt` and `drain` reach a living agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from agent.errors import UsedWrongly
from chain.sockets import socket_path

NAME: Final = "daemon.sock"
MOST_BYTES: Final = 1 << 22
UNKNOWN: Final = {"error": "not a request this daemon knows"}

Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Control:
    """Serves one JSON line for each JSON line; only the agent's own user can open the socket."""

    def __init__(self, run: Path, handle: Handler) -> None:
        self._path = socket_path(run, NAME)
        self._handle = handle
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, path=str(self._path), limit=MOST_BYTES
            )
        finally:
            os.umask(before)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, ValueError):  # gone, or a line without end
                while line := await reader.readline():
                    reply = await self._reply(line)
                    writer.write(json.dumps(reply).encode() + b"\n")
                    await writer.drain()
        finally:
            writer.close()

    async def _reply(self, line: bytes) -> Mapping[str, Any]:
        """An answer whatever was asked: who asks must not wait for one that never comes."""
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or "op" not in request:
                return UNKNOWN
            return await self._handle(request)
        except (ValueError, RecursionError):
            return UNKNOWN
        except Exception as fault:  # noqa: BLE001  # a question must not end a life; who asks is told
            return {"error": str(fault) or type(fault).__name__}


def ask(run: Path, request: Mapping[str, Any], timeout_s: float = 5.0) -> dict[str, Any] | None:
    """Ask the daemon of this home; None when none is alive."""
    path = socket_path(run, NAME)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_s)
        try:
            link.connect(str(path))
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile("rb") as stream:
                line = stream.readline(MOST_BYTES)
        except (FileNotFoundError, ConnectionError):
            return None
        except TimeoutError:
            raise UsedWrongly("the daemon does not answer", "look at logs/agent.log") from None
        except OSError as fault:
            raise UsedWrongly(f"{path}: {fault.strerror}", "ask as the agent's own user") from None
    if not line.endswith(b"\n"):
        return None  # it ended while it was asked
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        raise UsedWrongly(str(reply["error"]), "see forager --help")
    return reply
