"""The part of Kubo's RPC that an archive speaks: take epochs, say what is kept, give it back.

It has no files of its own. The one that `telemetry.kubo` writes, which of a life's epochs is the
newest, is read from what the archive holds, and writing it changes nothing.

Errors look as Kubo's do: status 500 and `{"Message", "Code", "Type"}`; an epoch that was read but
not kept is a `Root` with a `PinErrorMsg`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from tempfile import TemporaryFile
from typing import BinaryIO, Final

from aiohttp import BodyPartReader, MultipartReader, http_exceptions, web

from telemetry.car import MAX_BLOCKS, Block, car_bytes, read_car
from telemetry.checkpoint import Checkpoint, Domain
from telemetry.cid import Cid, digest_of
from telemetry.claim import Claim
from telemetry.errors import BadCar, BadCid, BadImport, TelemetryError
from telemetry.record import MAX_BYTES
from telemetry.store import Archive, dag
from telemetry.target import place_of

API_VERSION: Final = "0.8.0"
"""The Kubo release whose form of these commands is spoken; later clients read it too."""
MAX_UPLOAD: Final = MAX_BLOCKS * (MAX_BYTES + 64)
_CHUNK: Final = 64 * 1024
_MARKER: Final = re.compile(r"/forager/(?P<place>[^/]+)/(?P<agent>\d{1,16})/newest")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Rpc:
    def __init__(self, archive: Archive, domain: Domain) -> None:
        self._archive, self._domain = archive, domain
        self._importing = asyncio.Lock()  # one epoch in memory at a time

    async def dag_import(self, request: web.Request) -> web.Response:
        lines: list[dict[str, object]] = []
        async for part in await _multipart(request):
            if not isinstance(part, BodyPartReader):
                raise BadCar(why="parts within parts")
            with TemporaryFile() as file:
                await _take(part, file)
                async with self._importing:
                    lines.append(self._keep(await asyncio.to_thread(_read, file)))
        if not lines:
            raise BadCar(why="no file in the request")
        text = "".join(json.dumps(line) + "\n" for line in lines)
        return web.Response(text=text, content_type="application/json")

    def _keep(self, blocks: list[Block]) -> dict[str, object]:
        complaint = ""
        try:
            self._archive.keep(blocks)
        except BadImport as error:
            complaint = str(error)
        return {"Root": {"Cid": {"/": blocks[0].cid}, "PinErrorMsg": complaint}}

    async def dag_export(self, request: web.Request) -> web.Response:
        cid, data = self._block(request)
        body = b"".join(car_bytes(cid, dag(self._archive, data)))
        return web.Response(body=body, content_type="application/vnd.ipld.car")

    async def block_get(self, request: web.Request) -> web.Response:
        return web.Response(body=self._block(request)[1], content_type="application/octet-stream")

    async def block_stat(self, request: web.Request) -> web.Response:
        cid, data = self._block(request)
        return web.json_response({"Key": cid, "Size": len(data)})

    async def pin_ls(self, request: web.Request) -> web.Response:
        """Checkpoints are pinned recursively; what they link to, indirectly, is not listed."""
        if "arg" not in request.query:
            roots = self._archive.roots()
        else:
            cid, _ = self._block(request)
            if not self._archive.is_root(cid):
                raise BadCid(why="not pinned", cid=cid)
            roots = [cid]
        return web.json_response({"Keys": {cid: {"Type": "recursive"} for cid in roots}})

    async def files_read(self, request: web.Request) -> web.Response:
        asked = _MARKER.fullmatch(request.query.get("arg", ""))
        ours = asked and asked["place"].lower() == place_of(self._domain).lower()
        head = self._archive.head(int(asked["agent"])) if asked and ours else None
        if head is None:
            return _error("file does not exist")
        block = self._archive.block(head.cid)
        signed = Checkpoint.decode(block or b"")
        return web.json_response(Claim(signed.head, signed.sig).texts())

    async def files_write(self, request: web.Request) -> web.Response:
        if not _MARKER.fullmatch(request.query.get("arg", "")):
            return _error("there is no such file here, and none can be made")
        await request.read()
        return web.Response()

    async def version(self, _: web.Request) -> web.Response:
        found = {"Version": API_VERSION, "Commit": "", "Repo": "", "System": "forager"}
        return web.json_response(found)

    def _block(self, request: web.Request) -> tuple[Cid, bytes]:
        cid = Cid(request.query.get("arg", "").removeprefix("/ipfs/"))
        digest_of(cid)
        data = self._archive.block(cid)
        if data is None:
            raise BadCid(why="not found here", cid=cid)
        return cid, data


def rpc_routes(archive: Archive, domain: Domain) -> list[web.RouteDef]:
    """POST only, as Kubo: a link in a page cannot reach it."""
    rpc = _Rpc(archive, domain)
    commands: dict[str, _Handler] = {
        "dag/import": rpc.dag_import,
        "dag/export": rpc.dag_export,
        "block/get": rpc.block_get,
        "block/stat": rpc.block_stat,
        "files/read": rpc.files_read,
        "files/write": rpc.files_write,
        "pin/ls": rpc.pin_ls,
        "version": rpc.version,
    }
    return [web.post(f"/api/v0/{name}", _guarded(run)) for name, run in commands.items()]


def _guarded(run: _Handler) -> _Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        if "Origin" in request.headers or "Referer" in request.headers:
            return web.Response(status=403, text="the RPC is not for web pages\n")
        try:
            return await run(request)
        except TelemetryError as error:
            return _error(str(error))
        except (ValueError, http_exceptions.HttpProcessingError) as error:
            return _error(f"not a request that can be read: {type(error).__name__}")

    return guarded


def _error(text: str) -> web.Response:
    return web.json_response({"Message": text, "Code": 0, "Type": "error"}, status=500)


async def _multipart(request: web.Request) -> MultipartReader:
    try:
        return await request.multipart()
    except (ValueError, AssertionError) as error:
        raise BadCar(why="not a multipart request") from error


async def _take(part: BodyPartReader, file: BinaryIO) -> None:
    """An upload goes to disk as it comes, however slowly."""
    size = 0
    while chunk := await part.read_chunk(_CHUNK):
        size += len(chunk)
        if size > MAX_UPLOAD:
            raise BadCar(why="too large", limit=MAX_UPLOAD)
        file.write(chunk)
    file.seek(0)


def _read(file: BinaryIO) -> list[Block]:
    """Checks it too; off the event loop."""
    root, blocks = read_car(file)
    found = list(blocks)
    if not found or found[0].cid != root:
        raise BadCar(why="the root's block does not come first")
    return found
