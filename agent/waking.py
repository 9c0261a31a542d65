"""The two child processes, started before anything else: they wake while we import the rest."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path

from agent import genome
from agent.config import Config
from agent.errors import BadConfig
from agent.home import Home
from agent.keeping import keep
from agent.models import resolve
from chain.signer_client import SignerProcess, start_signer
from compute.engine_client import Engine, EngineConfig
from compute.manifest import digest_file
from compute.port import ModelId
from strategies.port import Placing


@dataclass(frozen=True, slots=True)
class Children:
    """What is on its way; whoever needs one waits for it, and hears then what went wrong."""

    born_as: genome.Genome
    signer: asyncio.Future[SignerProcess] | None
    """None when the operator runs the signer elsewhere."""
    keeping: asyncio.Task[None] | None
    """Starts the signer again when it ends; what ends this task ends the daemon."""
    engine: Engine | None
    """None when thinking is rented."""
    loading: asyncio.Task[ModelId] | None


@contextlib.asynccontextmanager
async def waking(home: Home, config: Config) -> AsyncIterator[Children]:
    """Both are ended with the block, however far they have come."""
    model, born_as = resolve(config.mind.model), genome.load(home.genome)
    if digest_file(model) != born_as.gguf:
        raise BadConfig(
            f"{model} is not the model this agent was made with ({born_as.gguf})",
            "restore that file, or make a new home with forager init",
        )
    engine = _engine(config, born_as, model)
    with (home.logs / "signer.log").open("ab") as errors:

        def start() -> Awaitable[SignerProcess]:
            return start_signer(home.signer_config, log=errors.fileno())

        signer = asyncio.ensure_future(start()) if config.keys.signer == "child" else None
        children = Children(
            born_as,
            signer,
            asyncio.create_task(keep(signer, start), name="signer") if signer else None,
            engine,
            asyncio.create_task(engine.start()) if engine else None,
        )
        try:
            await asyncio.sleep(0.001)  # long enough for both to be spawned
            yield children
        finally:
            await _end(children)


def _engine(config: Config, born_as: genome.Genome, model: Path) -> Engine | None:
    mind = config.mind
    if config.placing.mode is Placing.REMOTE:
        return None
    return Engine(
        EngineConfig(
            model=model,
            digest=born_as.gguf,
            context=mind.context,
            threads=mind.threads,
            deadline_s=mind.deadline_s,
        )
    )


async def _end(children: Children) -> None:
    tasks = [task for task in (children.keeping, children.signer, children.loading) if task]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if children.engine:
        await children.engine.close()
