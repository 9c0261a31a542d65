"""A telemetry target that speaks Kubo's RPC: an IPFS node, or the archive of a local world."""

from __future__ import annotations

import json
from asyncio import timeout
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, FormData

from telemetry.cid import Cid
from telemetry.errors import TargetRefused, TargetUnreachable

_MAX_ANSWER: Final = 64 * 1024
_OK: Final = 200
_CONNECT_S: Final = 5.0


class Kubo:
    """Imports epochs and pins their roots; what it says it keeps, it is asked for again."""

    def __init__(self, url: str, deadline_s: float = 60.0) -> None:
        """Speak to the RPC at `url`, e.g. `http://127.0.0.1:5001`; one epoch within the deadline.

        The deadline is what ends an import that waits for blocks it was not given.
        """
        self.name = url.rstrip("/")
        self._deadline_s = deadline_s
        self._session: ClientSession | None = None

    async def keep(self, cid: Cid, car: Path) -> None:
        """Return once the target has pinned the epoch; raises `TargetError` if it has not."""
        try:
            async with timeout(self._deadline_s):
                await self._import(cid, car)
                pins = await self._ask("pin/ls", {"arg": cid, "type": "recursive"})
        except TimeoutError as error:
            raise TargetUnreachable(target=self.name, why="deadline", cid=cid) from error
        except (ClientError, OSError) as error:
            raise TargetUnreachable(target=self.name, why=type(error).__name__) from error
        if cid not in _field(pins[0] if pins else {}, "Keys"):
            raise TargetRefused(target=self.name, why="it does not list the epoch as pinned")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _import(self, cid: Cid, car: Path) -> None:
        with car.open("rb") as file:
            form = FormData(quote_fields=False)
            form.add_field("file", file, filename=car.name, content_type="application/vnd.ipld.car")
            lines = await self._ask("dag/import", {"pin-roots": "true"}, form)
        for line in lines:
            root = _field(line, "Root")
            if _field(root, "Cid").get("/") == cid:
                if complaint := root.get("PinErrorMsg"):
                    raise TargetRefused(target=self.name, why=str(complaint)[:200], cid=cid)
                return
        raise TargetRefused(target=self.name, why="it does not confirm the epoch", cid=cid)

    async def _ask(
        self, command: str, params: dict[str, str], form: FormData | None = None
    ) -> list[dict[str, Any]]:
        url = f"{self.name}/api/v0/{command}"
        async with self._web().post(url, params=params, data=form) as answer:
            text = await _bounded(answer)
        if answer.status != _OK:
            why = text.strip()[:200]
            raise TargetRefused(target=self.name, command=command, status=answer.status, why=why)
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise TargetRefused(target=self.name, command=command, why="not JSON") from error

    def _web(self) -> ClientSession:
        if self._session is None:
            bounds = ClientTimeout(total=None, connect=_CONNECT_S)
            self._session = ClientSession(timeout=bounds)
        return self._session


async def _bounded(answer: ClientResponse) -> str:
    pieces, size = [], 0
    async for piece in _chunks(answer):
        pieces.append(piece)
        if (size := size + len(piece)) > _MAX_ANSWER:
            raise TargetRefused(why="an answer too long", limit=_MAX_ANSWER)
    return b"".join(pieces).decode(errors="replace")


def _chunks(answer: ClientResponse) -> AsyncIterator[bytes]:
    return answer.content.iter_chunked(16 * 1024)


def _field(value: object, name: str) -> dict[str, Any]:
    """An object's member that is an object itself; anything else counts as an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
