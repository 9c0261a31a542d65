"""Where this agent's model is: in its own container, or on the lease it rents."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agent.config import Config
from agent.genome import Genome
from chain.port import Signer
from compute.endpoint import RemoteScorer
from compute.engine_client import Engine, EngineConfig
from compute.port import Lease, ModelId, Scorer
from strategies.port import Placing


class Thinking(NamedTuple):
    """A scorer, and how it is told which lease pays for it."""

    scorer: Scorer
    move: Callable[[Lease | None], None]
    start: Engine | None
    """A local engine that should be started while the rest wakes."""


def thinking(config: Config, genome: Genome, model: Path, signer: Signer) -> Thinking:
    mind = config.mind
    if config.placing.mode is Placing.REMOTE:
        wanted = ModelId(genome.gguf, genome.adapter, "")
        remote = RemoteScorer(signer, wanted, mind.deadline_s, time.time)
        return Thinking(remote, remote.move, None)
    engine = Engine(
        EngineConfig(
            model=model,
            digest=genome.gguf,
            context=mind.context,
            threads=mind.threads,
            deadline_s=mind.deadline_s,
        )
    )
    return Thinking(engine, _stay, engine)


def _stay(lease: Lease | None) -> None:
    """A local engine thinks wherever the agent is."""
    del lease
