"""One life of one genome in one world, without results on disk: what `world.arena.run` does."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.genome import Genome
from agent.models import resolve
from agent.prompt import prompt_digest
from compute.manifest import digest_file
from world.arena.house import Wanted, live_once
from world.arena.nest import Born
from world.arena.plan import BUILTIN, scenarios
from world.arena.work import thinker
from world.errors import WorldError
from world.lived import Lived
from world.scenario import Scenario, load_scenario


def live(
    scenario: Scenario | Path | str,
    genome: Genome,
    *,
    seed: int,
    model: Path | None,
    logs: Path | None,
) -> Lived:
    """Nothing is left of it but its row and, if somewhere is named, its log."""
    world = scenario if isinstance(scenario, Scenario) else _read(Path(scenario))
    file = _model(genome, model)
    born = Born(f"g{genome.generation}", file, tuple(genome.strategies), genome=genome)
    if logs is not None and logs.exists():
        raise WorldError("something is there already; name another folder", folder=logs)
    with TemporaryDirectory() as place:
        row = asyncio.run(live_once(Wanted(world, seed, born, thinker(str(file))), Path(place)))
        if logs is not None:
            shutil.copytree(Path(place) / "agent" / "cars", logs)
    return row


def _read(named: Path) -> Scenario:
    [file] = scenarios([named])
    return load_scenario(file)


def _model(genome: Genome, model: Path | None) -> Path:
    """Its file; raises `WorldError` unless this version thinks as the genome says."""
    file = resolve(BUILTIN) if model is None else model
    if not file.is_file():
        raise WorldError("the model is missing", file=file)
    if digest_file(file) != genome.gguf:
        raise WorldError("the genome is of another model; say where its file lies", file=file)
    if genome.adapter:
        raise WorldError("the genome has an adapter, and nobody can be born with one yet")
    if genome.prompt != prompt_digest():
        raise WorldError("the genome's model reads another prompt than is asked here")
    return file
