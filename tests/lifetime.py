"""A small world on Anvil, and lives in it as processes that a test may kill.

The world's own pieces found it; only the provider is a stub with no machine: it posts one offer
and keeps every lease of it going, and the test is the machine that starts the agents.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent import life
from agent.control import ask
from agent.home import Home
from agent.models import resolve
from chain.errors import ChainError
from chain.keys import Key
from chain.permit import Domain
from chain.purse import Purse
from chain.types import RATE_SCALE, Address, Call, Micro, Wei
from compute.duties import Habits
from compute.gate import Gate
from compute.manifest import digest_file, manifest
from compute.onchain import Terms
from compute.placing import Placements
from compute.provider import Plan, Provider
from compute.provider_run import Head
from telemetry.auditing.audit import audit
from telemetry.auditing.verdict import Verdict
from telemetry.car import epoch_files, read_epoch
from telemetry.node import Node
from telemetry.record import Record
from telemetry.store import Archive
from world import settling
from world.actors import Actors
from world.deploy import RICH, deploy, mint, role
from world.devnet import Devnet
from world.scenario import Scenario, load_scenario
from world.settling import CONTEXT, MODEL, Ground, Settlement
from world.tables import Endowment, JobRegime, PriceRegime, Time

DOLLAR = 1_000_000
SPEED = 400
"""Chain seconds in a wall second: leases outlast a slow machine."""


def small(*, horizon_h: float = 60, jobs_per_hour: float = 8) -> Scenario:
    """Steady weather, much work, no rival, and a long first lease."""
    usual = load_scenario()
    jobs = usual.jobs[0].model_copy(
        update={
            "regimes": (
                JobRegime(
                    name="plenty", mean_h=10_000, per_hour=jobs_per_hour, reward_micro=DOLLAR
                ),
            )
        }
    )
    steady = (PriceRegime(name="usual", mean_h=10_000, hour_micro=DOLLAR),)
    return usual.model_copy(
        update={
            "name": "small",
            "time": Time(
                horizon_h=horizon_h, block_wall_s=0.25, chain_seconds_per_wall_second=SPEED
            ),
            "endowment": Endowment(
                micro=12 * DOLLAR, wei=100 * 10**15, first_lease_h=48, hibernate_max_h=24
            ),
            "jobs": (jobs,),
            "rivals": (),
            "providers": (usual.home.model_copy(update={"regimes": steady}),),
            "gas": usual.gas.model_copy(update={"regimes": usual.gas.regimes[:1]}),
        }
    )


@dataclass
class World:
    """A chain that runs while `going`, people on it, and an archive for the logs of lives."""

    folder: Path
    ground: Ground
    archive: str
    actors: Actors
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def devnet(self) -> Devnet:
        return self.ground.devnet

    @property
    def registry(self) -> Address:
        return self.ground.deployment.registry

    def go(self) -> None:
        """Let time run; blocks are mined from now on."""
        self._tasks["pace"] = asyncio.create_task(self.devnet.pace(self.ground.scenario.time))

    async def pause(self) -> None:
        """Stop time: nothing is mined until `go`."""
        task = self._tasks.pop("pace", None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def employ(self) -> None:
        """Let the posters post their jobs from now on."""
        self._tasks["actors"] = asyncio.create_task(self.actors.run())

    async def settle(self, name: str, *, funded: bool = True, leased: bool = True) -> Life:
        """A home with its operator; `leased` opens the first lease for it."""
        homes = Settlement(self.folder / name)
        homes.root.mkdir()
        operator = settling.make_operator(homes)
        founded = settling.make_agent(homes, self.ground, operator, self.archive)
        _eager(homes.agent)
        async with self.mining():
            await self.devnet.give_wei(operator.address, RICH)
            purse = Purse(self.devnet.client, operator)
            if funded:
                await mint(purse, self.ground.deployment.token, operator.address, Micro(10**9))
                grant = self.ground.scenario.endowment
                token = self.ground.deployment.token
                await purse.send(Call(founded.wallet, "", value=Wei(grant.wei)))
                await purse.send(
                    Call(token, "transfer(address,uint256)", (founded.wallet, grant.micro))
                )
            if leased:
                await settling.open_first_lease(self.ground, purse, founded.wallet)
        return Life(homes, self, founded.wallet, operator, purse)

    @contextlib.asynccontextmanager
    async def mining(self) -> AsyncIterator[None]:
        """Somebody mines: the pace if time runs, else in a hurry."""
        if "pace" in self._tasks:
            yield
        else:
            async with self.devnet.hurrying():
                yield

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@contextlib.asynccontextmanager
async def world(folder: Path, scenario: Scenario | None = None) -> AsyncIterator[World]:
    """A founded world at rest: `go` lets its time run, `employ` its work begin."""
    scenario = scenario or small()
    async with contextlib.AsyncExitStack() as stack:
        devnet = await stack.enter_async_context(Devnet.running(folder / "chain"))
        async with devnet.hurrying():
            deployment = await deploy(devnet, scenario, 1)
            actors = Actors(devnet, deployment, scenario, 1)
            await actors.found()
        domain = Domain(deployment.chain_id, deployment.registry)
        store = Archive(folder / "archive.sqlite", domain)
        stack.callback(store.close)
        node = Node(store, domain, writable=store)
        archive = await node.start("127.0.0.1", 0)
        stack.push_async_callback(node.stop)
        made = World(folder, Ground(devnet, deployment, scenario, 1), archive, actors)
        landlord = await stack.enter_async_context(_landlord(made))
        made._tasks["landlord"] = landlord
        stack.push_async_callback(made.close)
        yield made


@contextlib.asynccontextmanager
async def _landlord(made: World) -> AsyncIterator[asyncio.Task[None]]:
    """A provider that leases out no machine at all, and is always there."""
    devnet, at, rent = made.devnet, made.ground.deployment, made.ground.scenario.home
    key = role("landlord")
    await devnet.give_wei(key.address, RICH)
    provider = Provider(
        Plan(
            market=at.lease_market,
            token=at.token,
            terms=Terms(
                rate=rent.regimes[0].hour_micro * RATE_SCALE // 3600,
                min_s=rent.min_s,
                max_s=int(rent.max_h * 3600),
                grace_s=rent.grace_s,
                activation_s=rent.activation_s,
                slots=16,
                hardware="0x" + "00" * 32,
                uri="http://127.0.0.1:9",
            ),
            stake=Micro(0),
            prices=(),
            habits=Habits(
                manifest=manifest(digest_file(resolve(MODEL)), "", CONTEXT),
                placed=frozenset(),
                scores=True,
                heartbeat_fraction=0.25,
                collect=Micro(10**12),
            ),
            notes=made.folder / "landlord.json",
        ),
        chain=Head(devnet.client),
        purse=Purse(devnet.client, key),
        gate=Gate(lambda _access, _digest: None, time.time),
        placements=Placements({}, 1.0, time.monotonic),
        say=lambda _line: None,
    )

    async def work() -> None:
        while True:
            with contextlib.suppress(ChainError):
                await provider.tick()
            await asyncio.sleep(0.2)

    async with devnet.hurrying():
        await provider.tick()  # the offer is on the market
    task = asyncio.create_task(work())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await provider.close()


@dataclass
class Life:
    """One agent's home, its operator, and the process that may be living there."""

    homes: Settlement
    world: World
    wallet: Address
    operator: Key
    purse: Purse
    """The operator's own."""
    process: Process | None = None

    @property
    def home(self) -> Home:
        return Home(self.homes.agent)

    @property
    def phase(self) -> life.Phase:
        return life.load(self.home.notes).phase

    @property
    def notes(self) -> life.Notes:
        return life.load(self.home.notes)

    async def start(self) -> Process:
        """`forager run`, in a process group of its own."""
        with (self.homes.root / "run.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "agent", "run", "--home", str(self.home.root)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    async def alive(self, patience_s: float = 60) -> dict[str, Any]:
        """What the daemon says of itself, once it answers and has looked around."""

        async def seen() -> dict[str, Any] | None:
            self.must_run()
            found = await self.status()
            return found if found and found["ticks"] + found["block"] else None

        return await until(seen, patience_s, self.said)

    async def status(self) -> dict[str, Any] | None:
        return await asyncio.to_thread(ask, self.home.run, {"op": "status"})

    async def born(self, patience_s: float = 60) -> None:
        async def is_born() -> bool:
            self.must_run()
            return self.phase is not life.Phase.UNBORN

        await until(is_born, patience_s, self.said)

    async def ended(self, patience_s: float = 60) -> int:
        """Wait until the process ends of itself; gives its exit code."""
        assert self.process is not None
        try:
            return await asyncio.wait_for(self.process.wait(), patience_s)
        except TimeoutError:
            raise AssertionError(f"it goes on, {self.notes}\n{self.said()}") from None

    def must_run(self) -> None:
        assert self.process is not None
        assert self.process.returncode is None, self.said()

    async def kill(self, *, group: bool = True) -> None:
        """SIGKILL, for the daemon alone or for all that it started too."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        await self.process.wait()

    async def stop(self) -> tuple[int, float]:
        """SIGTERM; gives the exit code and how long it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.terminate()
        return await self.ended(30), time.monotonic() - began

    def children(self) -> dict[str, int]:
        """The pids of the signer and the engine, as far as they run."""
        assert self.process is not None
        return {
            name: pid
            for pid, parent, line in processes()
            for name, module in (("signer", "chain.signer"), ("engine", "compute.engine"))
            if parent == self.process.pid and module in line
        }

    def said(self) -> str:
        """What the process wrote, for whoever reads why a test failed."""
        names = (self.homes.root / "run.log", self.home.logs / "agent.log")
        return "\n".join(
            f"— {path.name}\n{path.read_text('utf-8')[-3000:]}" for path in names if path.exists()
        )

    async def command(self, *words: str) -> Said:
        """Another `forager` command on this home."""
        return await forager(*words, "--home", str(self.home.root))

    async def audit(self, *, chain: bool = True) -> Verdict:
        """From the epoch files in the home."""
        named = {"rpc": self.world.devnet.url, "registry": self.world.registry}
        return await audit(str(self.home.cars), **(named if chain else {}))

    def records(self) -> list[Record]:
        """Everything published so far, from the epoch files."""
        return records(self.home.cars)

    def ledger(self) -> list[dict[str, Any]]:
        """The signer's own rows; only while no signer runs."""
        with contextlib.closing(sqlite3.connect(self.home.signer / "ledger.sqlite")) as db:
            rows = db.execute("SELECT nonce, id, purpose, because FROM intents ORDER BY nonce")
            hashes: dict[int, set[str]] = {}
            names = ("nonce", "id", "purpose", "because")
            found = [dict(zip(names, row, strict=True)) for row in rows]
            for nonce, hash_ in db.execute("SELECT nonce, hash FROM attempts"):
                hashes.setdefault(nonce, set()).add(hash_)
        return [{**row, "hashes": hashes[row["nonce"]]} for row in found]

    async def mined(self) -> list[dict[str, Any]]:
        """Every transaction of the wallet that a block holds, in order."""
        client = self.world.devnet.client
        sent = []
        for number in range(self.world.devnet.head.number + 1):
            block = await client.rpc("eth_getBlockByNumber", hex(number), True)
            sent += [tx for tx in block["transactions"] if tx["from"] == self.wallet.lower()]
        return sorted(sent, key=lambda tx: int(tx["nonce"], 16))


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def forager(
    *words: str, env: Mapping[str, str] | None = None, patience_s: float = 120
) -> Said:
    """A real command line, from outside."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), patience_s)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = await process.communicate()
        raise AssertionError(f"{words} does not end: {err.decode()}") from None
    return Said(process.returncode or 0, out.decode(), err.decode())


async def until(
    reached: Callable[[], Awaitable[Any]], patience_s: float = 30, why: Callable[[], str] = str
) -> Any:
    """Wait for something to become true, and give it."""
    limit = time.monotonic() + patience_s
    while not (found := await reached()):
        assert time.monotonic() < limit, why()
        await asyncio.sleep(0.05)
    return found


def records(cars: Path) -> list[Record]:
    """All records in a folder of epoch files, in order."""
    found = []
    for file in epoch_files(cars):
        found += [Record.decode(block.data) for block in read_epoch(file.path)[1:]]
    return found


def processes() -> Sequence[tuple[int, int, str]]:
    """Everything that runs on this machine: pid, its parent, its command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            found.append((int(folder.name), parent, line))
    return found


def _eager(home: Path) -> None:
    """Choose at random, for what is tested is the body; and say at once what there is to say."""
    config = home / "forager.toml"
    text = config.read_text("utf-8")
    for before, after in (
        ("[mind]\n", "[mind]\nepsilon = 1.0\n"),
        ("heartbeat_s = 5.0", "heartbeat_s = 2.0"),
        ("epoch_s = 6.0", "epoch_s = 2.0"),
    ):
        assert before in text
        text = text.replace(before, after)
    config.write_text(text, "utf-8")
