"""A telemetry target that speaks Kubo's RPC: an IPFS node, or the archive of a local world.

    dag/import    the epoch's blocks, and a pin on its root
    pin/ls        is it pinned? It says so at once, while block/stat may look for a block for ever
    files/…       a marker in the node's own files: the newest head of this life, signed

What it says it keeps, it is asked for again. CIDs are asked for in base32: js-ipfs writes them in
base58 otherwise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

from aiohttp import FormData

from telemetry.cid import Cid
from telemetry.claim import Claim
from telemetry.errors import TargetRefused
from telemetry.service import Service
from telemetry.target import Package, Parcel

_OK: Final = 200
_NOT_OFFERED: Final = (403, 404, 405)
"""How a node, or a proxy before it, says that it does not let this command in."""
_NO_FILE: Final = "does not exist"
_BASE32: Final = {"cid-base": "base32"}
_ANEW: Final = dict.fromkeys(("create", "parents", "truncate"), "true")
_CAR: Final = "application/vnd.ipld.car"


class Kubo:
    """Imports epochs, pins their roots, and remembers there which is the newest."""

    def __init__(self, url: str, deadline_s: float = 60.0) -> None:
        """Speak to the RPC at `url`, e.g. `http://127.0.0.1:5001`; one epoch within the deadline.

        The deadline is what ends an import that waits for blocks it was not given.
        """
        self._rpc = Service(url, deadline_s)

    @property
    def name(self) -> str:
        return self._rpc.url

    async def keep(self, package: Package) -> None:
        """Return once the target has pinned it; raises `TargetError` if it has not."""
        with package.car.open("rb") as car:
            size = os.fstat(car.fileno()).st_size
            async with self._rpc.in_time(size, cid=package.cid):
                await self._import(package, car)
                await self._see_pinned(package.cid)

    async def mark(self, parcel: Parcel) -> None:
        form = FormData(quote_fields=False)
        form.add_field("file", json.dumps(parcel.claim.texts()).encode(), filename="newest")
        where = {"arg": _marker(parcel.place, parcel.agent)}
        try:
            async with self._rpc.in_time(cid=parcel.cid):
                await self._command("files/write", where | _ANEW, form)
        except TargetRefused as error:  # kept it is, marker or not
            if error.facts.get("status") not in _NOT_OFFERED:
                raise

    async def holds(self, package: Package) -> bool:
        try:
            async with self._rpc.in_time(cid=package.cid):
                await self._see_pinned(package.cid)
        except TargetRefused:  # a node that has it says so; keeping it again is harmless
            return False
        return True

    async def claims(self, place: str, agent: int) -> Sequence[Claim]:
        async with self._rpc.in_time():
            text = await self._marked(place, agent)
        try:
            found = Claim.read(json.loads(text))
        except (ValueError, RecursionError):
            return []
        return [found] if found else []

    async def close(self) -> None:
        await self._rpc.close()

    async def _import(self, package: Package, car: BinaryIO) -> None:
        form = FormData(quote_fields=False)
        form.add_field("file", car, filename=package.car.name, content_type=_CAR)
        answer = await self._command("dag/import", {"pin-roots": "true"} | _BASE32, form)
        roots = (_field(line, "Root") for line in self._lines(answer))
        root = next((r for r in roots if _field(r, "Cid").get("/") == package.cid), None)
        if root is None:  # an error on the way is in a trailer, after a 200: all that tells is this
            raise self._refused("it does not confirm the epoch", cid=package.cid)
        if complaint := root.get("PinErrorMsg"):
            raise self._refused(str(complaint)[:200], cid=package.cid)

    async def _see_pinned(self, cid: Cid) -> None:
        answer = await self._command("pin/ls", {"arg": cid, "type": "recursive"} | _BASE32)
        if not any(cid in _field(line, "Keys") for line in self._lines(answer)):
            raise self._refused("it does not list the epoch as pinned", cid=cid)

    async def _marked(self, place: str, agent: int) -> str:
        """The marker's text; nothing where there is none."""
        try:
            return await self._command("files/read", {"arg": _marker(place, agent)})
        except TargetRefused as error:
            if error.facts.get("status") in _NOT_OFFERED or _NO_FILE in str(error):
                return ""
            raise

    async def _command(
        self, name: str, params: dict[str, str], form: FormData | None = None
    ) -> str:
        answer = await self._rpc.ask("POST", f"api/v0/{name}", params=params, data=form)
        if answer.status != _OK:
            why = answer.text.strip()[:200]
            raise self._refused(why, command=name, status=answer.status)
        return answer.text

    def _lines(self, text: str) -> list[Any]:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise self._refused("not JSON") from error

    def _refused(self, why: str, **facts: object) -> TargetRefused:
        return TargetRefused(target=self.name, why=why, **facts)


def _marker(place: str, agent: int) -> str:
    return f"/forager/{place}/{agent}/newest"


def _field(value: object, name: str) -> dict[str, Any]:
    """An object's member that is an object itself; anything else counts as an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
