"""The parts of one living daemon, named by what they are for; `agent.wiring` puts them together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.config import Config
from agent.home import Home
from agent.host import Time
from agent.menu import Proposer
from agent.mind import Rule
from agent.senses import Self, Senses
from agent.trade import Trade
from chain.port import Signer
from compute.port import ComputeProvider, Lease, Scorer

if TYPE_CHECKING:
    from agent.hands import Hands
    from chain.client import ChainClient
    from chain.sender import Sender
    from chain.watcher import Watcher
    from telemetry.log import Log
    from telemetry.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Tools:
    """What there is before birth: a chain, and a signer to act on it."""

    home: Home
    config: Config
    client: ChainClient
    signer: Signer
    sender: Sender
    watcher: Watcher
    time: Time
    keeping: asyncio.Task[None] | None = None
    """Keeps the signer running; when it ends, so does the daemon."""

    @property
    def speed(self) -> float:
        """Chain seconds that pass in a second here."""
        return self.config.chain.chain_seconds_per_wall_second


@dataclass(frozen=True, slots=True)
class Body:
    """Everything a living agent works with."""

    tools: Tools
    who: Self
    seed: bytes
    log: Log
    gateway: str
    publisher: Publisher
    compute: ComputeProvider
    proposers: Sequence[Proposer]
    senses: Senses
    scorer: Scorer | None
    rule: Rule
    """Chooses when no model does."""
    move: Callable[[Lease | None], None]
    """Tells the scorer which lease pays for thinking."""
    hands: Hands
    serves: str
    """The address that the registry is told."""
    trade: Trade
    """Sells what this life thinks with, if it does."""
