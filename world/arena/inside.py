"""A signer and an engine in the arena's own process: the same desk and model, without a socket.

Keys of the arena guard nothing. What an agent may sign, and what it thinks, is decided by the same
code as in a life of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chain import limits_file
from chain.clock import read_clock, uptime
from chain.contracts import signature
from chain.desk import Answer, Desk, Keys
from chain.errors import ChainError
from chain.ledger import Ledger
from chain.reader import BlockReader
from chain.types import Address, Admission, Attempt, Entry, Fees, Intent, Refused, SignerState
from compute.port import ModelId, Scores
from compute.scoring import sound

if TYPE_CHECKING:
    from compute.llama import Llama
    from world.devnet import Devnet

SILENCE_S: Final = 300.0
HALT_OF: Final = signature("AgentRegistry", "haltOf")


class InsideSigner:
    """`chain.port.Signer` around a desk; asks the chain its one question at every new block."""

    def __init__(self, devnet: Devnet, home: Path, limits: Path, keys: Keys) -> None:
        self._devnet = devnet
        self._limits = limits_file.parse(json.loads(limits.read_text("utf-8"))["limits"])
        self._ledger = Ledger(home, read_clock)
        self._desk = Desk(self._ledger, keys, self._limits, silence_s=SILENCE_S, monotonic=uptime)
        self._wallet = keys.wallet.address
        self._asked = -1

    async def close(self) -> None:
        self._ledger.close()

    async def state(self) -> SignerState:
        await self._ask()
        return self._desk.state()

    async def admit(self, intent: Intent, fees: Fees) -> Admission:
        await self._ask()
        return self._desk.admit(intent, fees)

    async def bump(self, intent_id: str, fees: Fees) -> Attempt | Refused:
        return self._desk.bump(intent_id, fees)

    async def entries(self, from_nonce: int = 0) -> Sequence[Entry]:
        return self._desk.entries(from_nonce)

    async def checkpoint(self, epoch: int, size: int, root: bytes, prev: bytes) -> bytes | Refused:
        return self._desk.checkpoint(epoch, size, root, prev)

    async def access(
        self, lease: int, provider: Address, at: int, digest: bytes
    ) -> bytes | Refused:
        return self._desk.access(lease, provider, at, digest)

    async def halt(self, reason: str) -> int:
        return self._desk.halt(reason)

    async def resume(self, signature: bytes) -> bool:
        return self._desk.resume(signature)

    async def _ask(self) -> None:
        if self._asked == self._devnet.head.number:
            return
        try:
            read = await BlockReader.latest(self._devnet.client)
            agent, halted, halt_id, ended = await read.call(
                self._limits.registry, HALT_OF, [self._wallet]
            )
        except ChainError:
            return  # silence is what the desk counts
        self._desk.learn(Answer(int(str(agent)), bool(halted), int(str(halt_id)), bool(ended)))
        self._asked = self._devnet.head.number


class InsideEngine:
    """A loaded model that many lives of this process share, one question at a time."""

    def __init__(self, llama: Llama, model: ModelId) -> None:
        self._llama = llama
        self._model = model

    async def score(self, prompt: str, labels: Sequence[str]) -> Scores:
        return Scores(sound(self._llama.score(prompt, labels), labels), self._model)

    async def close(self) -> None:
        """It stays loaded for the next life."""
