"""Sends a generation to the targets that keep logs too: IPFS nodes, and services that pin.

A service fetches for itself. So while one is asked, what was bred is served here, where the file
that names the service says that a gateway stands.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from aiohttp import web
from pydantic import ConfigDict, ValidationError

from agent.complaints import explain
from agent.config import KuboTarget, PinningTarget, Section, Telemetry
from agent.errors import AgentError
from agent.home import Home
from agent.publishing import target_of
from finetune.breeding import Tell
from finetune.errors import NotPublished
from finetune.stage import Done
from telemetry.blocks import LOOSE
from telemetry.cadence import Cadence, Pause
from telemetry.cid import Cid
from telemetry.errors import TargetBusy, TelemetryError
from telemetry.target import Target
from telemetry.wanted import CAR, RAW
from telemetry.web import KUBO

PATIENCE_S: Final = 3600.0
"""For one target, however large a generation is."""
CADENCE: Final = Cadence(retry_s=1.0, retry_max_s=15.0)


@dataclass(frozen=True, slots=True)
class Generation:
    """A CAR on its way, as targets are handed it."""

    cid: Cid
    car: Path
    label: str
    said: Mapping[str, str]

    @classmethod
    def of(cls, done: Done) -> Generation:
        told = done.manifest["figures"]
        said = {"genome": told["genome"], "generation": str(told["generation"])}
        car = done.folder / f"{told['cid']}.car"
        return cls(Cid(told["cid"]), car, f"forager/genome/{told['genome']}", said)


class Named(Section):
    """A forager.toml, or as much of one as says where logs are kept."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore")

    telemetry: Telemetry = Telemetry()


Place = tuple[Path, Telemetry]
"""Some targets, and the folder that their paths are relative to."""


def places(named: Sequence[str]) -> list[Place]:
    """Each is kubo+URL, or a file with [[telemetry.targets]]; refused before anything is done."""
    return [_place(each) for each in named]


def _place(named: str) -> Place:
    path = Path(named)
    try:
        if named.startswith(KUBO):
            raw: Any = {"telemetry": {"targets": [{"url": named.removeprefix(KUBO)}]}}
        else:
            raw = tomllib.loads(path.read_text("utf-8"))
        found = Named(**raw).telemetry
    except ValidationError as fault:
        raise NotPublished(": ".join(explain(Named, path, fault))) from None
    except (OSError, ValueError) as fault:
        raise NotPublished("no targets can be read here", target=named, why=fault) from None
    if not found.targets:
        raise NotPublished("the file has no [[telemetry.targets]]", file=named)
    return path.parent, found


async def publish(done: Done, where: Sequence[Place], tell: Tell) -> list[str]:
    """Who keeps it now; raises `NotPublished` once all were asked, if one does not."""
    generation, kept, troubles = Generation.of(done), list[str](), dict[str, str]()
    for folder, telemetry in where:
        async with AsyncExitStack() as stack:
            serves = ""
            if any(isinstance(each, PinningTarget) for each in telemetry.targets):
                serves = await stack.enter_async_context(_lent(generation, telemetry))
            for section in telemetry.targets:
                try:
                    await _sent(generation, section, folder, serves, tell)
                    kept.append(section.name)
                except (TelemetryError, AgentError, ValueError, TimeoutError) as fault:
                    troubles[section.name] = str(fault) or f"no answer in {PATIENCE_S:.0f} s"
    if troubles:
        raise NotPublished(kept=", ".join(kept) or "nowhere", **troubles)
    return kept


async def _sent(
    generation: Generation,
    section: KuboTarget | PinningTarget,
    folder: Path,
    serves: str,
    tell: Tell,
) -> None:
    target: Target = target_of(section, Home(folder), serves)
    pause = Pause(CADENCE)
    try:
        async with asyncio.timeout(PATIENCE_S):
            kept = await target.holds(generation)
            while not kept:
                tell(f"sending it to {section.name}")
                try:
                    await target.keep(generation)
                    kept = True
                except TargetBusy as fault:
                    tell(f"{section.name}: {fault.facts.get('status')}")
                    await asyncio.sleep(pause.longer())
    finally:
        await target.close()


@asynccontextmanager
async def _lent(generation: Generation, telemetry: Telemetry) -> AsyncIterator[str]:
    """A gateway for this one generation; gives the address that others are told."""
    loose = generation.car.parent / LOOSE

    async def answer(request: web.Request) -> web.StreamResponse:
        cid = request.match_info["cid"]
        asked = request.query.get("format", request.headers.get("Accept", ""))
        as_car = asked in ("car", CAR) or asked.startswith(f"{CAR};")
        path = generation.car if as_car and cid == generation.cid else loose / cid
        if path.parent not in (loose, loose.parent) or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Content-Type": CAR if as_car else RAW})

    app = web.Application()
    app.router.add_get(r"/ipfs/{cid:[a-z2-7]+}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        host, port = telemetry.gateway_host, telemetry.gateway_port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as fault:
            why = fault.strerror
            raise NotPublished(
                "nothing can be served here", host=host, port=port, why=why
            ) from None
        yield telemetry.serve_uri or f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
