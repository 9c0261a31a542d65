"""`forager demo`: one whole life, from birth to an audited end, on this machine alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from world.errors import WorldError

if TYPE_CHECKING:
    from telemetry.auditing.verdict import Verdict

FOLDER: Final = Path("forager-demo")
LONGEST_S: Final = 86_400
"""What happens in a world is drawn before it begins."""
GRACE_WALL_S: Final = 60.0
PROVIDER_S: Final = 60.0
BIRTH_S: Final = 90.0
"""A loaded machine takes its time; a broken one takes for ever."""
STOP_S: Final = 15.0
AFTERWARDS: Final = 4
"""Blocks after the end, so that everything in it is final."""


def command(
    seconds: Annotated[
        float | None,
        typer.Option(help="Wall seconds until the horizon; the scenario's by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same world.")] = 1,
    scenario: Annotated[Path | None, typer.Option(help="A scenario file of your own.")] = None,
    home: Annotated[
        Path | None, typer.Option(help="Where everything is put; forager-demo/1, 2, … by default.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end.")
    ] = False,
) -> None:
    """Let one agent live on a local chain, watch it, and audit its log when it has ended."""
    from world.leaving import until_told
    from world.scenario import DEMO, load_scenario

    world = load_scenario(scenario or DEMO)
    if seconds is not None:
        if not 0 < seconds <= LONGEST_S:
            raise WorldError(f"--seconds must be above 0 and at most {LONGEST_S}")
        world = world.lasting(seconds)
    root = _fresh(home)
    report = asyncio.run(until_told(Demo(root, world, seed, quiet=as_json).run()))
    from world.report import words

    sys.stdout.write(json.dumps(report) + "\n" if as_json else words(report))
    raise typer.Exit(0 if report["audit"]["ok"] else 1)


def _fresh(home: Path | None) -> Path:
    """A folder of its own; nothing that is there is ever overwritten."""
    number = 1
    while home is None and (FOLDER / str(number)).exists():
        number += 1
    made = home or FOLDER / str(number)
    try:
        made.mkdir(parents=True, exist_ok=True)
        taken = any(made.iterdir())
    except OSError as fault:
        raise WorldError(f"{made} cannot be used ({fault.strerror}); name another --home") from None
    if taken:
        raise WorldError(f"{made} is not empty; name another --home")
    return made.resolve()


class Demo:
    """One world, one life."""

    def __init__(self, root: Path, scenario: Any, seed: int, *, quiet: bool) -> None:
        from world.settling import Settlement

        self._root = root
        self._scenario = scenario
        self._seed = seed
        self._quiet = quiet
        self._homes = Settlement(root)

    async def run(self) -> dict[str, Any]:
        from chain.permit import Domain
        from telemetry.node import Node
        from telemetry.store import Archive
        from world.actors import Actors
        from world.deploy import deploy
        from world.devnet import Devnet
        from world.settling import Ground

        _log_to(self._root / "world.log")
        async with contextlib.AsyncExitStack() as stack:
            self._tell("starting Anvil and deploying the contracts")
            devnet = await stack.enter_async_context(Devnet.running(self._root / "chain"))
            async with devnet.hurrying():
                deployment = await deploy(devnet, self._scenario, self._seed)
                deployment.save(self._root / "deployment.json")
                actors = Actors(devnet, deployment, self._scenario, self._seed)
                await actors.found()
            domain = Domain(deployment.chain_id, deployment.registry)
            store = Archive(self._root / "archive.sqlite", domain)
            stack.callback(store.close)
            node = Node(store, domain, writable=store)
            archive = await node.start("127.0.0.1", 0)
            stack.push_async_callback(node.stop)
            ground = Ground(devnet, deployment, self._scenario, self._seed)
            return await self._live(ground, actors, archive)

    async def _live(self, ground: Any, actors: Any, archive: str) -> dict[str, Any]:
        from world import settling

        homes = self._homes
        self._tell("settling an operator, a provider and one agent, yet unborn")
        operator = settling.make_operator(homes)
        founded = settling.make_agent(homes, ground, operator, archive)
        provider = settling.make_provider(homes, ground, founded.wallet)
        async with ground.devnet.hurrying():
            purse = await settling.fund(ground, operator, provider, founded.wallet)
        async with provider_process(homes) as machine:
            async with ground.devnet.hurrying():
                await self.offered(ground, machine)
                await settling.open_first_lease(ground, purse, founded.wallet)
                self._tell("the first lease is open; the provider starts the agent on it")
                await self.born(machine)
            status = await self._watch(ground, actors)
        return await self._account(ground, archive, status)

    async def offered(self, ground: Any, machine: asyncio.subprocess.Process) -> None:
        """Wait for the provider's offer."""
        from chain.reader import BlockReader
        from compute.market import LeaseMarket

        market = LeaseMarket(ground.deployment.lease_market, ground.deployment.token)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROVIDER_S):
                while machine.returncode is None:
                    if await market.discover(await BlockReader.latest(ground.devnet.client)):
                        return
                    await asyncio.sleep(0.1)
        raise WorldError("the provider posted no offer", log=self._homes.provider / "provider.log")

    async def born(self, machine: asyncio.subprocess.Process) -> None:
        """Time waits for the birth, so that a slow machine is no shorter life."""
        from agent import life
        from agent.home import Home

        notes = Home(self._homes.agent).notes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BIRTH_S):
                while machine.returncode is None:
                    if life.load(notes).phase is not life.Phase.UNBORN:
                        return
                    await asyncio.sleep(0.1)
        raise WorldError("the agent was not born", log=self._homes.provider / "placed")

    async def _watch(self, ground: Any, actors: Any) -> dict[str, Any]:
        """Let time run until the life has ended, showing what happens."""
        from world.show import Show

        time_ = self._scenario.time
        most_s = time_.horizon_h * 3600 / time_.chain_seconds_per_wall_second + GRACE_WALL_S
        show = Show(self._homes.agent, ground, actors, quiet=self._quiet)
        running = [
            asyncio.create_task(ground.devnet.pace(time_), name="pace"),
            asyncio.create_task(actors.run(), name="actors"),
        ]
        ended = asyncio.create_task(show.until_ended(most_s), name="show")
        try:
            done, _ = await asyncio.wait([*running, ended], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is not ended:
                    await task  # raises what ended the world too early
            status: dict[str, Any] = await ended
        finally:
            for task in (*running, ended):
                task.cancel()
            await asyncio.gather(*running, ended, return_exceptions=True)
        return status

    async def _account(self, ground: Any, archive: str, status: dict[str, Any]) -> dict[str, Any]:
        """Save the chain, audit the life, say where everything lies."""
        from world.report import again

        devnet, at = ground.devnet, ground.deployment
        for _ in range(AFTERWARDS):
            await devnet.mine()
        state = self._root / "chain" / "state.json"
        self._tell("saving the chain's state and auditing the life")
        await devnet.save(state)
        page = self._root / "life.html"
        verdict = await self._audit(ground, archive, status.get("agent"), page)
        cars = self._homes.agent / "cars"
        wallet = status.get("wallet")
        nonce = await devnet.client.nonce(wallet) if wallet else 0
        return {
            "agent": verdict.agent,
            "outcome": verdict.outcome or "lost",
            "cause": verdict.cause,
            "seed": self._seed,
            "ticks": status.get("ticks", 0),
            "records": verdict.records,
            "epochs": verdict.epochs,
            "transactions": nonce,
            "head": verdict.head,
            "chain_id": at.chain_id,
            "registry": at.registry,
            "gateway": archive,
            "home": str(self._root),
            "cars": str(cars),
            "page": str(page),
            "chain_state": str(state),
            "again": again(state, cars, at.chain_id, at.registry),
            "audit": {
                "ok": verdict.ok,
                "verified": verdict.verified,
                "findings": list(verdict.plain()["findings"]),
            },
        }

    async def _audit(self, ground: Any, archive: str, agent: int | None, page: Path) -> Verdict:
        """Audit the life against its chain, and draw it."""
        from telemetry.auditing.audit import Asked, examine
        from telemetry.auditing.drawing.view import Checked
        from telemetry.auditing.glimpse import glimpser
        from telemetry.auditing.page import write_page
        from telemetry.auditing.timeline import Timeline
        from telemetry.errors import SourceError
        from world.report import nothing

        rpc, registry, life = ground.devnet.url, ground.deployment.registry, Timeline()
        asked = Asked(archive, agent, rpc=rpc, registry=registry)
        try:
            audited = await examine(asked, harvest=glimpser, gather=life.gather)
            checked = Checked.by(audited, audited.verdict)
        except SourceError as fault:  # it lived too badly to publish anything
            checked = Checked(nothing(str(fault), agent))
        write_page(page, checked, life)
        return checked.verdict

    def _tell(self, line: str) -> None:
        if not self._quiet:
            sys.stderr.write(f"— {line}\n")


def _log_to(path: Path) -> None:
    """What the world's actors have to say would spoil the view."""
    import structlog

    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(path.open("a", buffering=1, encoding="utf-8"))
    )


@contextlib.asynccontextmanager
async def provider_process(homes: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """The provider, a process of its own; it ends the agents it started."""
    with (homes.provider / "provider.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agent", "provider"),
            *("--config", str(homes.provider_config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()
