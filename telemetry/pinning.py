"""A telemetry target that fetches for itself: a service that speaks the IPFS Pinning Service API.

    GET  /pins?cid=…            has it been asked for this epoch before?
    POST /pins                  if not: pin it, it is to be had at our gateway
    POST /pins/{requestid}      if that failed: ask once more in its place
    GET  /pins/{requestid}      how far is it? `pinned` is kept, `queued` and `pinning` are not yet

An epoch's pin is named `forager/{place}/{agent}/{epoch}`, so a life's epochs can be listed, and
carries its signed head as `meta`, so that whoever lists them can tell that they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from telemetry.cid import Cid
from telemetry.claim import Claim
from telemetry.errors import TargetBusy, TargetRefused
from telemetry.service import Service
from telemetry.target import Package, Parcel

_DONE: Final = (200, 201, 202)
_NOT_FOUND: Final = 404
_NOT_OFFERED: Final = (400, 404, 422, 501)
"""How a service says that it does not list pins by a part of their name."""
_NEAREST_FIRST: Final = ("pinned", "pinning", "queued", "failed")
_ANY: Final = ",".join(_NEAREST_FIRST)
_LISTED: Final = 100
_SHOWN: Final = 200
"""So much of what a service says is passed on."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A pin request as the service tells of it."""

    requestid: str
    status: str
    cid: str
    why: str = ""
    claim: Claim | None = None

    @classmethod
    def read(cls, found: object) -> Self | None:
        """None if it is not of the form that the API gives."""
        pin, info = _table(found, "pin"), _table(found, "info")
        texts = (_text(found, "requestid"), _text(found, "status"), _text(pin, "cid"))
        if not all(texts) or texts[1] not in _NEAREST_FIRST:
            return None
        why = _text(info, "status_details")[:_SHOWN]
        return cls(*texts, why, Claim.read(_table(pin, "meta")))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a service may fetch from: the plain URL, and addresses as IPFS writes them."""

    gateway: str
    origins: tuple[str, ...] = field(default=())


class Pinning:
    """Asks a service to pin epochs, once each, and keeps asking until it has."""

    def __init__(self, url: str, token: Path, origin: Origin, deadline_s: float = 20.0) -> None:
        """`token` is a file that is read for every question, so it may be changed any time."""
        self._service = Service(url, deadline_s)
        self._token, self._origin = token, origin
        self._asked: dict[Cid, str] = {}

    @property
    def name(self) -> str:
        return self._service.url

    async def keep(self, package: Package) -> None:
        """Return once the service says `pinned`; raises `TargetBusy` while it is at it."""
        async with self._service.in_time(cid=package.cid):
            pin = await self._known(package.cid)
            if pin is None:
                pin = await self._request("pins", package)
            elif pin.status == "failed":
                await self._request(_path(pin.requestid), package)
        if pin.status == "failed":
            raise self._refused(pin.why or "failed", cid=package.cid)
        if pin.status != "pinned":
            raise TargetBusy(target=self.name, status=pin.status, why=pin.why, cid=package.cid)
        self._asked.pop(package.cid, None)

    async def mark(self, parcel: Parcel) -> None:
        """Every pin says of itself which epoch it is."""

    async def holds(self, package: Package) -> bool:
        async with self._service.in_time(cid=package.cid):
            pins = await self._list(cid=package.cid, status="pinned")
        return any(pin.cid == package.cid for pin in pins)

    async def claims(self, place: str, agent: int) -> Sequence[Claim]:
        """Of all it was asked for last, pinned or not: they were sealed all the same."""
        prefix = f"forager/{place}/{agent}/"
        try:
            async with self._service.in_time():
                pins = await self._list(
                    name=prefix, match="partial", status=_ANY, limit=str(_LISTED)
                )
        except TargetRefused as error:
            if error.facts.get("status") in _NOT_OFFERED:
                return []
            raise
        return [pin.claim for pin in pins if pin.claim]

    async def close(self) -> None:
        await self._service.close()

    async def _known(self, cid: Cid) -> Pin | None:
        """The pin request that is nearest to done, if there is any for this CID."""
        if requestid := self._asked.get(cid):
            found = await self._ask("GET", _path(requestid), absent=True)
            if (pin := Pin.read(found)) and pin.cid == cid:
                return pin
            del self._asked[cid]
        pins = [pin for pin in await self._list(cid=cid, status=_ANY) if pin.cid == cid]
        return min(pins, key=lambda pin: _NEAREST_FIRST.index(pin.status), default=None)

    async def _request(self, path: str, package: Package) -> Pin:
        pin = Pin.read(await self._ask("POST", path, json=self._order(package)))
        if pin is None or pin.cid != package.cid:
            raise self._refused("it does not confirm the request", cid=package.cid)
        self._asked[package.cid] = pin.requestid
        return pin

    def _order(self, package: Package) -> dict[str, object]:
        return {
            "cid": package.cid,
            "name": package.label,
            "origins": list(self._origin.origins),
            "meta": {"gateway": self._origin.gateway, **package.said},
        }

    async def _list(self, **params: str) -> Sequence[Pin]:
        found = await self._ask("GET", "pins", params=params)
        results = found.get("results") if isinstance(found, dict) else None
        if not isinstance(results, list):
            raise self._refused("it does not list pins")
        return [pin for pin in map(Pin.read, results) if pin]

    async def _ask(self, method: str, path: str, *, absent: bool = False, **what: Any) -> object:
        """The answer's JSON; with `absent` None where there is nothing, instead of a refusal."""
        headers = {"Authorization": f"Bearer {self._secret()}"}
        answer = await self._service.ask(method, path, headers=headers, **what)
        if absent and answer.status == _NOT_FOUND:
            return None
        try:
            found: object = json.loads(answer.text)
        except (ValueError, RecursionError):
            found = None
        if answer.status not in _DONE:
            failure = _table(found, "error")
            why = " ".join(filter(None, (_text(failure, "reason"), _text(failure, "details"))))
            raise self._refused(why or answer.text.strip(), status=answer.status)
        return found

    def _secret(self) -> str:
        try:
            return self._token.read_text("utf-8").split("\n", 1)[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._refused("its token cannot be read", file=self._token) from error

    def _refused(self, why: str, **facts: object) -> TargetRefused:
        return TargetRefused(target=self.name, why=why[:_SHOWN], **facts)


def _path(requestid: str) -> str:
    return f"pins/{quote(requestid, safe='')}"


def _table(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _text(value: object, name: str) -> str:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""
