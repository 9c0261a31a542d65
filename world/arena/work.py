"""One case in a worker process: lived in a scratch folder, what it leaves moves to the results."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from agent.models import resolve
from strategies.merchant import NAME
from world.arena.house import Wanted, live_once
from world.arena.nest import Born
from world.arena.plan import BUILTIN, Case
from world.arena.scratch import room
from world.baselines import RULES
from world.errors import WorldError
from world.scenario import load_scenario
from world.settling import CONTEXT

if TYPE_CHECKING:
    from world.arena.inside import InsideEngine

FAILED: Final = ".failed"
"""How it is said that a strategy, a shop or one of the world's people did not do its part."""


def live_case(case: Case, out: str, *, tables: bool = False) -> str:
    """The row of results as a line; its log's epochs are left in OUT/logs."""
    scenario = load_scenario(Path(case.scenario))
    use = tuple(name for name in scenario.use if name not in case.without)
    born = Born(
        case.policy,
        resolve(case.model or BUILTIN),
        use,
        generation=case.generation,
        epsilon=case.epsilon,
    )
    sells = NAME in use and scenario.demand is not None
    engine = thinker(str(born.model)) if case.model or sells else None
    chooses = bool(case.model) and not case.chooses
    wanted = Wanted(
        scenario,
        case.seed,
        born,
        engine if chooses else None,
        RULES.get(case.chooses or case.policy.partition("-")[0], RULES["reflex"]),
        reads=engine if case.chooses else None,
        sells=None if chooses else engine,
    )
    shard = Path(out) / "tables" / f"{platform.node()}-{os.getpid()}" if tables else None
    name = f"{case.seed}-{case.policy}"
    with room(out) as place:
        kept = Path(out) / "faults" / scenario.name / f"{name}.log"
        with _complaining(place / "arena.log", kept):
            lived = asyncio.run(live_once(wanted, place, shard))
        _keep(place / "agent" / "cars", Path(out) / "logs" / scenario.name / name)
    return lived.to_line()


@cache
def thinker(model: str) -> InsideEngine:
    """Loaded once a process, for all its lives."""
    from compute.llama import Llama, engine_digest
    from compute.manifest import digest_file
    from compute.port import ModelId
    from world.arena.inside import InsideEngine

    llama = Llama(Path(model), None, CONTEXT, 1)
    llama.warm()
    return InsideEngine(llama, ModelId(digest_file(Path(model)), "", engine_digest()))


@contextmanager
def _complaining(path: Path, kept: Path) -> Iterator[None]:
    """What a life complains of is written down; kept if it cannot be lived, or something failed.

    Whoever writes a strategy would else take one that raises for one that makes no difference.
    """
    with path.open("a", buffering=1, encoding="utf-8") as file:
        structlog.configure(logger_factory=structlog.WriteLoggerFactory(file))
        try:
            yield
        except Exception as fault:
            file.write("".join(traceback.format_exception(fault)))
            _keep(path, kept)
            raise
        finally:
            structlog.reset_defaults()
    if FAILED in path.read_text("utf-8"):
        _keep(path, kept)


def _keep(what: Path, where: Path) -> None:
    """A file or a folder of files, whole or not at all, in place of what an earlier try left."""
    part = where.with_name(f".{where.name}.part")
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        _remove(part)
        _copy(what, part)
        _remove(where)
        part.replace(where)
    except OSError as fault:
        _remove(part)
        raise WorldError("what it leaves cannot be kept", place=where, why=fault.strerror) from None


def _copy(what: Path, where: Path) -> None:
    if what.is_dir():
        where.mkdir()
        for each in sorted(what.iterdir()):
            _copy(each, where / each.name)
    else:
        shutil.copyfile(what, where)


def _remove(what: Path) -> None:
    if what.is_dir():
        shutil.rmtree(what)
    else:
        what.unlink(missing_ok=True)
