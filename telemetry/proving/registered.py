"""What a registry says of an agent, as far as a proof needs it: asked in plain JSON-RPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from chain import events
from chain.contracts import LIFE_OF, Life
from chain.logs import logs
from chain.permit import Domain
from chain.rpc import Rpc, connect
from chain.types import Address
from telemetry.proving.proof import Anchor, Attested, Log, NotProven, Proof, Verdict, check


class Registry:
    """An AgentRegistry behind one endpoint, at the latest block."""

    def __init__(self, rpc: Rpc, domain: Domain) -> None:
        self._rpc = rpc
        self._domain = domain

    async def last(self, agent: int) -> tuple[int, Anchor] | None:
        """The epoch that the agent has anchored last, and that anchor."""
        life = await self._life(agent)
        return _last(life) if life else None

    async def of(self, agent: int, epochs: Iterable[int]) -> Attested | None:
        """The agent's key and what it has anchored of these epochs; None for one never born."""
        life = await self._life(agent)
        if life is None:
            return None
        anchors = dict([last]) if (last := _last(life)) else {}
        earlier = [epoch for epoch in epochs if epoch < life.epoch]
        if earlier:
            head = await self._rpc.number("eth_blockNumber")
            born = await self._rpc.block_at(life.born_at, head)
            for epoch in earlier:
                if anchor := await self._anchor(agent, epoch, born, head):
                    anchors[epoch] = anchor
        return Attested(Log(life.log_key, self._domain), anchors)

    async def _life(self, agent: int) -> Life | None:
        [row] = await self._rpc.view(self._domain.contract, LIFE_OF, agent)
        life = Life(*row)
        return life if life.born_at else None

    async def _anchor(self, agent: int, epoch: int, born: int, head: int) -> Anchor | None:
        """Epochs only go up, so none is anchored twice."""
        topic = events.topic("AgentRegistry", "Anchored")
        topics = [topic, events.indexed(agent), events.indexed(epoch)]
        for log in await logs(self._rpc, self._domain.contract, topics, born, head):
            if event := events.decode("AgentRegistry", log):
                return _anchor(*(event.args[name] for name in ("size", "root", "digest")))
        return None


@asynccontextmanager
async def open_registry(url: str, address: Address) -> AsyncIterator[Registry]:
    async with connect(url) as rpc:
        yield Registry(rpc, Domain(await rpc.number("eth_chainId"), address))


async def confront(proof: Proof, registry: Registry) -> Verdict:
    """Judge a proof by the registry's word."""
    agent = proof.seals[0].head.agent
    registered = await registry.of(agent, [seal.head.epoch for seal in proof.seals])
    if registered is None:
        return NotProven(f"the registry knows no agent {agent}")
    return check(proof, registered)


def _last(life: Life) -> tuple[int, Anchor] | None:
    if not life.anchored:
        return None
    return life.epoch, _anchor(life.size, life.root, life.digest)


def _anchor(size: Any, root: Any, digest: Any) -> Anchor:
    return Anchor(int(size), bytes.fromhex(root[2:]), bytes.fromhex(digest[2:]))
