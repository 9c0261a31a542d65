"""Where this agent's model is: in its own container, or on the lease it rents."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from agent.config import Config
from agent.genome import Genome
from chain.port import Signer
from compute.endpoint import RemoteScorer
from compute.engine_client import Engine
from compute.port import Lease, ModelId, Scorer


class Thinking(NamedTuple):
    """A scorer if there is a model, and how it is told which lease pays for it."""

    scorer: Scorer | None
    """What the mind chooses by; strategies think and a shop sells with it too, unless…"""
    move: Callable[[Lease | None], None]
    reads: Scorer | None = None
    """… strategies have one of their own to think with,"""
    sells: Scorer | None = None
    """… and a shop to sell: so that a mind that goes by a rule can still sell a model's answers."""


def thinking(config: Config, genome: Genome, engine: Engine | None, signer: Signer) -> Thinking:
    if engine is not None:
        return Thinking(engine, _stay)
    wanted = ModelId(genome.gguf, genome.adapter, "")
    remote = RemoteScorer(signer, wanted, config.mind.deadline_s, time.time)
    return Thinking(remote, remote.move)


def _stay(lease: Lease | None) -> None:
    """A local engine thinks wherever the agent is."""
    del lease
