"""A provider as a process: built from its config, run until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from aiohttp import web

from chain import permit
from chain.client import ChainClient
from chain.errors import ChainError
from chain.keystore import open_key, read_passphrase
from chain.port import Reader
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Address, Micro
from compute.child import Command
from compute.download import Wanted, obtain
from compute.duties import Habits
from compute.engine_client import Engine, EngineConfig
from compute.errors import BadConfig, ComputeError
from compute.gate import Gate, Recover
from compute.manifest import manifest
from compute.notes import load
from compute.onchain import Terms
from compute.placing import Placements
from compute.prices import load_path
from compute.provider import Plan, Provider
from compute.provider_config import ModelSection, OfferSection, ProviderConfig
from compute.serving import Serving
from compute.wire import Access

log = structlog.get_logger(__name__)

TEND_S: Final = 0.2
GIVE_UP_S: Final = 5.0
"""After SIGKILL nothing is waited for longer than this."""


@dataclass(frozen=True, slots=True)
class Files:
    """The model's files, there and checked."""

    digest: str
    adapter_digest: str
    manifest: str


@dataclass(frozen=True, slots=True)
class Head:
    """Newest blocks of a client."""

    client: ChainClient

    async def latest(self) -> Reader:
        return await BlockReader.latest(self.client)


async def run_provider(config: ProviderConfig, say: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT, then end the agents here; their leases run into grace."""
    config.home.mkdir(parents=True, exist_ok=True)
    files = await _files(config.model)
    key = open_key(config.key.file, read_passphrase(config.key.passphrase_file))
    gate = Gate(_recover(config, key.address), time.time)
    placements = _placements(config)
    async with (
        ChainClient(config.chain.rpc, config.chain.chain_id) as client,
        _engine(config.model, files) as engine,
        _listening(config, Serving(gate, engine, files.manifest)) as uri,
    ):
        plan = _plan(config, files, uri)
        provider = Provider(
            plan,
            chain=Head(client),
            purse=Purse(client, key),
            gate=gate,
            placements=placements,
            say=say,
        )
        say(f"listening at {uri}")
        try:
            await _first_of(
                _stopped(),
                _ticking(provider, config.habits.poll_s, say),
                _tending(placements),
            )
        finally:
            await provider.close()
            await _clear(placements, config.habits.will_s)
            say("stopped")


async def _ticking(provider: Provider, poll_s: float, say: Callable[[str], None]) -> None:
    said = ""
    while True:
        try:
            await provider.tick()
        except (ChainError, ComputeError) as fault:
            if fault.consequence in ("halt", "stop"):
                raise
            log.warning("provider.waiting", fault=type(fault).__name__, **fault.facts)
            if said != fault.reason:
                say(f"waiting: {fault.reason}")
            said = fault.reason
        await asyncio.sleep(poll_s)


async def _tending(placements: Placements) -> None:
    while True:
        placements.tend()
        await asyncio.sleep(TEND_S)


async def _clear(placements: Placements, will_s: float) -> None:
    """Ask all to leave, and see that they do."""
    placements.want(())
    with suppress(TimeoutError):
        async with asyncio.timeout(will_s + GIVE_UP_S):
            while not placements.idle:
                placements.tend()
                await asyncio.sleep(TEND_S)


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _first_of(*roots: Coroutine[Any, Any, None]) -> None:
    """One ending ends all; a fault of one is the fault of all."""
    tasks = [asyncio.create_task(root) for root in roots]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _files(model: ModelSection) -> Files:
    digest = await obtain(Wanted(model.path, model.digest, model.cid), model.ipfs)
    adapter_digest = ""
    if model.adapter:
        wanted = Wanted(model.adapter, model.adapter_digest, model.adapter_cid)
        adapter_digest = await obtain(wanted, model.ipfs)
    return Files(digest, adapter_digest, manifest(digest, adapter_digest, model.context))


@asynccontextmanager
async def _engine(model: ModelSection, files: Files) -> AsyncIterator[Engine | None]:
    """A model that turns out to be bad is found before it is offered."""
    if not model.serve:
        yield None
        return
    engine = Engine(
        EngineConfig(
            model=model.path,
            adapter=model.adapter,
            digest=files.digest,
            context=model.context,
            threads=model.threads,
            deadline_s=model.deadline_s,
        )
    )
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def _listening(config: ProviderConfig, serving: Serving) -> AsyncIterator[str]:
    host, port = config.gateway.host, config.gateway.port
    if not config.offer.uri and host in ("", "0.0.0.0", "::"):  # noqa: S104  # refused, not bound
        raise BadConfig("offer.uri is needed when the gateway listens on every address")
    runner = web.AppRunner(serving.app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        yield config.offer.uri or f"http://{host}:{bound}"
    finally:
        await runner.cleanup()


def _recover(config: ProviderConfig, provider: Address) -> Recover:
    domain = permit.Domain(config.chain.chain_id, Address(config.chain.registry))

    def recover(access: Access, digest: bytes) -> Address | None:
        message = permit.Access(access.lease, provider, access.at, digest)
        return permit.signed_by(domain, message, access.signature)

    return recover


def _placements(config: ProviderConfig) -> Placements:
    folder = config.home / "placed"
    folder.mkdir(exist_ok=True)
    commands = {
        Address(place.tenant): Command(
            argv=place.command,
            folder=place.home,
            env=place.env,
            lock=folder / f"{place.tenant}.lock",
            log=folder / f"{place.tenant}.log",
        )
        for place in config.placing
    }
    ended = load(_notes(config)).ended
    return Placements(commands, config.habits.will_s, time.monotonic, ended)


def _plan(config: ProviderConfig, files: Files, uri: str) -> Plan:
    habits = config.habits
    return Plan(
        market=Address(config.chain.market),
        token=Address(config.chain.token),
        terms=_terms(config.offer, uri),
        stake=Micro(config.offer.stake_micro),
        prices=load_path(config.offer.price_path) if config.offer.price_path else (),
        habits=Habits(
            manifest=files.manifest,
            placed=frozenset(Address(place.tenant) for place in config.placing),
            scores=config.model.serve,
            heartbeat_fraction=habits.heartbeat_fraction,
            collect=Micro(habits.collect_micro),
        ),
        notes=_notes(config),
    )


def _terms(offer: OfferSection, uri: str) -> Terms:
    return Terms(
        rate=offer.rate,
        min_s=offer.min_s,
        max_s=offer.max_s,
        grace_s=offer.grace_s,
        activation_s=offer.activation_s,
        slots=offer.slots,
        hardware=offer.hardware,
        uri=uri,
    )


def _notes(config: ProviderConfig) -> Path:
    return config.home / "provider.json"
