"""One case in a worker process: lived in a scratch folder, what it leaves moves to the results."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.models import resolve
from strategies.merchant import NAME
from world.arena.ground import Born
from world.arena.house import Wanted, live_once
from world.arena.plan import BUILTIN, Case
from world.baselines import RULES
from world.scenario import load_scenario
from world.settling import CONTEXT

if TYPE_CHECKING:
    from world.arena.inside import InsideEngine

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
"""A life writes much and little of it stays: where there is a disk of memory, it is lived there."""


def live_case(case: Case, out: str, *, tables: bool = False) -> str:
    """The row of results as a line; its log's epochs are left in OUT/logs."""
    scenario = load_scenario(Path(case.scenario))
    born = Born(
        case.policy,
        resolve(case.model or BUILTIN),
        tuple(name for name in scenario.use if name not in case.without),
        generation=case.generation,
        epsilon=case.epsilon,
    )
    sells = NAME in born.use and scenario.demand is not None
    engine = _engine(str(born.model)) if case.model or sells else None
    wanted = Wanted(
        scenario,
        case.seed,
        born,
        engine if case.model else None,
        RULES.get(case.policy.partition("-")[0], RULES["reflex"]),
        sells=None if case.model else engine,
    )
    shard = Path(out) / "tables" / f"{os.getpid()}" if tables else None
    scratch = Path(tempfile.mkdtemp(prefix="forager-", dir=_scratch()))
    _complain_to(scratch / "arena.log")
    try:
        lived = asyncio.run(live_once(wanted, scratch, shard))
        kept = Path(out) / "logs" / scenario.name / f"{case.seed}-{case.policy}"
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(scratch / "agent" / "cars", kept)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return lived.to_line()


def _scratch() -> Path | None:
    return MEMORY if os.access(MEMORY, os.W_OK) else None


@cache
def _engine(model: str) -> InsideEngine:
    """Loaded once a process, for all its lives."""
    from compute.llama import Llama, engine_digest
    from compute.manifest import digest_file
    from compute.port import ModelId
    from world.arena.inside import InsideEngine

    llama = Llama(Path(model), None, CONTEXT, 1)
    llama.warm()
    return InsideEngine(llama, ModelId(digest_file(Path(model)), "", engine_digest()))


def _complain_to(path: Path) -> None:
    import structlog

    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(path.open("a", buffering=1, encoding="utf-8"))
    )
