"""A local double of the IPFS Pinning Service API, version 1.0.0, that really fetches what it pins.

It answers as the API's description says: statuses, filters and their bounds, the forms of pins and
of failures. What it is asked to pin it fetches as a CAR over HTTP, from the origins it is given,
checks every block and every link, and keeps. Nothing else of it is like a real service: no quotas,
no bitswap, no other hashes.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from cbrrr import CID, decode_dag_cbor

from telemetry.car import MAX_BLOCKS, car_places
from telemetry.cid import PREFIX, RAW, from_digest
from telemetry.errors import TelemetryError

STATUSES: Final = ("queued", "pinning", "pinned", "failed")
MATCHES: Final = {
    "exact": lambda have, want: have == want,
    "iexact": lambda have, want: have.lower() == want.lower(),
    "partial": lambda have, want: want in have,
    "ipartial": lambda have, want: want.lower() in have.lower(),
}
PEER: Final = "12D3KooWDWRrM3z5APyz69vaziiZgHMWBfENv6yQ19LNJrW86Dc5"
DELEGATES: Final = [f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}"]


@dataclass
class Request:
    """A pin request, and what became of it."""

    requestid: str
    created: str
    pin: dict[str, Any]
    status: str = "queued"
    info: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        pin = {key: value for key, value in self.pin.items() if key != "origins"}
        told = {"requestid": self.requestid, "status": self.status, "created": self.created}
        return told | {"pin": pin, "delegates": DELEGATES, "info": self.info}


class PinService:
    """Entered, it is the service's URL; while `go` is not set every request stays in the queue."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.requests: dict[str, Request] = {}
        self.blocks: dict[str, dict[str, bytes]] = {}
        self.posted: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self._numbers = itertools.count()
        self._work: set[asyncio.Task[None]] = set()
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/pins", self._list)
        app.router.add_post("/pins", self._add)
        app.router.add_get("/pins/{requestid}", self._get)
        app.router.add_post("/pins/{requestid}", self._replace)
        app.router.add_delete("/pins/{requestid}", self._remove)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    def lose(self, cid: str) -> None:
        """Forget every pin of it."""
        for requestid in [r.requestid for r in self.requests.values() if r.pin["cid"] == cid]:
            del self.requests[requestid]
        self.blocks.pop(cid, None)

    # The API

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return failure(401, "UNAUTHORIZED", "Access token is missing or invalid")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            limit = int(query.get("limit", "10"))
        except ValueError:
            limit = 0
        cids = query["cid"].split(",") if "cid" in query else []
        statuses = query.get("status", "pinned").split(",")
        match = MATCHES.get(query.get("match", "exact"))
        wrong = not 1 <= limit <= 1000 or len(cids) > 10 or set(statuses) - set(STATUSES)
        if wrong or match is None or len(query.get("name", "")) > 255:
            return failure(400, "BAD_REQUEST", "a filter is out of bounds")
        found = [
            each
            for each in sorted(self.requests.values(), key=lambda r: r.created, reverse=True)
            if each.status in statuses
            and (not cids or each.pin["cid"] in cids)
            and ("name" not in query or match(each.pin.get("name", ""), query["name"]))
            and ("before" not in query or each.created < query["before"])
            and ("after" not in query or each.created > query["after"])
        ]
        shown = [each.shown() for each in found[:limit]]
        return web.json_response({"count": len(found), "results": shown})

    async def _add(self, request: web.Request) -> web.Response:
        pin = await self._pin(request)
        return failure(400, "BAD_REQUEST", pin) if isinstance(pin, str) else self._take(pin)

    async def _get(self, request: web.Request) -> web.Response:
        found = self.requests.get(request.match_info["requestid"])
        return web.json_response(found.shown()) if found else nothing()

    async def _replace(self, request: web.Request) -> web.Response:
        if request.match_info["requestid"] not in self.requests:
            return nothing()
        pin = await self._pin(request)
        if isinstance(pin, str):
            return failure(400, "BAD_REQUEST", pin)
        del self.requests[request.match_info["requestid"]]
        return self._take(pin)

    async def _remove(self, request: web.Request) -> web.Response:
        found = self.requests.pop(request.match_info["requestid"], None)
        return web.Response(status=202) if found else nothing()

    async def _pin(self, request: web.Request) -> dict[str, Any] | str:
        """The body, or what is wrong with it."""
        try:
            pin = await request.json()
        except ValueError:
            return "not JSON"
        if not isinstance(pin, dict) or not isinstance(pin.get("cid"), str):
            return "no cid"
        name, origins, meta = pin.get("name", ""), pin.get("origins", []), pin.get("meta", {})
        if not isinstance(name, str) or len(name) > 255:
            return "the name is too long"
        texts = isinstance(origins, list) and all(isinstance(each, str) for each in origins)
        if not texts or len(origins) > 20 or len(set(origins)) < len(origins):
            return "origins are at most 20 different texts"
        if not isinstance(meta, dict) or not all(isinstance(v, str) for v in meta.values()):
            return "meta holds texts"
        return pin

    def _take(self, pin: dict[str, Any]) -> web.Response:
        number = next(self._numbers)
        taken = Request(f"request/{number}", f"2026-01-01T00:00:{number / 1000:06.3f}Z", pin)
        self.requests[taken.requestid] = taken
        self.posted.append(pin["cid"])
        shown = taken.shown()
        self._work.add(asyncio.create_task(self._fetch(taken)))
        return web.json_response(shown, status=202)

    # The work behind it

    async def _fetch(self, taken: Request) -> None:
        await self.go.wait()
        taken.status = "pinning"
        try:
            async with asyncio.timeout(5):
                self.blocks[taken.pin["cid"]] = await fetched(taken.pin)
        except (ClientError, TelemetryError, OSError, ValueError, TimeoutError) as error:
            taken.status, taken.info = "failed", {"status_details": str(error) or "no answer"}
        else:
            taken.status = "pinned"


async def fetched(pin: dict[str, Any]) -> dict[str, bytes]:
    """The whole DAG below the CID, every block checked, from the first origin that has it."""
    complaint: Exception = ValueError("no origin that is reached over HTTP")
    for origin in pin.get("origins", []):
        with suppress(LookupError):
            try:
                return await _from(url_of(origin), pin["cid"])
            except (ClientError, TelemetryError, ValueError) as error:
                complaint = error
    raise complaint


async def _from(gateway: str, cid: str) -> dict[str, bytes]:
    headers = {"Accept": "application/vnd.ipld.car"}
    async with (
        ClientSession(timeout=ClientTimeout(total=5)) as session,
        session.get(f"{gateway}/ipfs/{cid}?format=car", headers=headers) as answer,
    ):
        answer.raise_for_status()
        body = await answer.read()
    found = _blocks(body)
    missing = [cid] if cid not in found else []
    for name, data in found.items():
        linked = _links(decode_dag_cbor(data)) if may_link(name) else []
        missing += [link for link in linked if link not in found]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    return found


def _blocks(body: bytes) -> dict[str, bytes]:
    """By their CIDs, each checked."""
    _, places = car_places(io.BytesIO(body), MAX_BLOCKS)
    found = {}
    for name, (at, size) in places.items():
        kind, digest = name[: len(PREFIX)], name[len(PREFIX) :]
        found[str(from_digest(digest, kind))] = data = body[at : at + size]
        if kind not in (PREFIX, RAW) or sha256(data).digest() != digest:
            raise ValueError(f"{from_digest(digest, kind)} is a lie")
    return found


def may_link(name: str) -> bool:
    """Whether a block of this name is DAG-CBOR, and may link to others."""
    return name.startswith("bafyrei")


def _links(value: Any) -> list[str]:
    if isinstance(value, CID):
        raw = value.cid_bytes
        return [str(from_digest(raw[len(PREFIX) :], raw[: len(PREFIX)]))]
    if not isinstance(value, (dict, list)):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [link for each in inner for link in _links(each)]


def url_of(multiaddr: str) -> str:
    """The URL in an address like `/ip4/127.0.0.1/tcp/80/http`; LookupError if there is none."""
    parts = multiaddr.split("/")[1:]
    kind, host, tcp, port, *way = parts
    if kind not in ("ip4", "ip6", "dns", "dns4", "dns6") or tcp != "tcp":
        raise LookupError(multiaddr)
    path = ""
    if len(way) >= 2 and way[-2] == "http-path":
        path, way = "/" + unquote(way[-1]), way[:-2]
    scheme = {("http",): "http", ("tls", "http"): "https", ("https",): "https"}[tuple(way)]
    return f"{scheme}://{f'[{host}]' if kind == 'ip6' else host}:{port}{path}"


def failure(status: int, reason: str, details: str) -> web.Response:
    body = {"error": {"reason": reason, "details": details}}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


def nothing() -> web.Response:
    return failure(404, "NOT_FOUND", "The specified resource was not found")
