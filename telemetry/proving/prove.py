"""Proves what is asked of a log, and checks what others have proven; with a registry or without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Literal, NamedTuple

from chain.types import Address
from telemetry.cid import from_digest
from telemetry.errors import BadCar, BadCheckpoint, BadLog, BadRecord
from telemetry.proving.proof import Consistency, Inclusion, NotProven, Proof, Verdict, check
from telemetry.proving.registered import Registry, confront, open_registry
from telemetry.proving.served import Served, open_log
from telemetry.proving.walk import Walk
from telemetry.proving.written import read

Progress = Callable[[str, int, int], None]
"""Told what is being read, how much of it is done, and how much there is."""


class RecordUnder(NamedTuple):
    """That the log holds a record, as one of its checkpoints covers it."""

    seq: int
    epoch: int | Literal["newest", "anchored"] = "newest"


class Growth(NamedTuple):
    """That one checkpoint became another by growth alone."""

    first: int
    second: int


class Chain(NamedTuple):
    """Whose word is asked for beside a signature."""

    rpc: str
    registry: Address


class Answer(NamedTuple):
    """What it came to; without a proof where none could be made."""

    verdict: Verdict
    proof: Proof | None = None


async def prove(
    source: str,
    claim: RecordUnder | Growth,
    *,
    agent: int | None = None,
    chain: Chain | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Prove a claim from a folder of epoch files or a gateway, and check the proof at once.

    Raises `SourceError` where there is no log to read, `chain.errors.ChainError` when a chain that
    was named does not answer.
    """
    async with _registry(chain) as registry:
        last = await registry.last(agent) if registry and agent is not None else None
        head = from_digest(last[1].digest) if last else None
        async with open_log(source, agent, head) as log:
            made = await _made(log, claim, registry, progress or _silent)
        return Answer(made) if isinstance(made, NotProven) else await _judged(made, registry)


async def recheck(text: bytes, chain: Chain | None = None) -> Answer:
    """Check a proof that somebody else has made; raises `BadProof` for what is none."""
    proof = read(text)
    async with _registry(chain) as registry:
        return await _judged(proof, registry)


@asynccontextmanager
async def _registry(chain: Chain | None) -> AsyncIterator[Registry | None]:
    if chain is None:
        yield None
    else:
        async with open_registry(chain.rpc, chain.registry) as registry:
            yield registry


async def _judged(proof: Proof, registry: Registry | None) -> Answer:
    return Answer(await confront(proof, registry) if registry else check(proof), proof)


async def _made(
    log: Served, claim: RecordUnder | Growth, registry: Registry | None, tell: Progress
) -> Proof | NotProven:
    if isinstance(claim, Growth):
        return await _growth(log, claim, tell)
    epoch: int | None = None
    if claim.epoch == "anchored":
        last = await registry.last(log.agent) if registry else None
        if last is None:
            return NotProven(f"no registry has anchored anything of agent {log.agent}")
        epoch = last[0]
    elif claim.epoch != "newest":
        epoch = claim.epoch
    return await _record(log, claim.seq, epoch, tell)


async def _record(
    log: Served, seq: int, epoch: int | None, tell: Progress
) -> Inclusion | NotProven:
    walk = Walk(log.agent, seq=seq)
    why = await _walk(log, walk, epoch, tell)
    return NotProven(why) if why else walk.inclusion(seq)


async def _growth(log: Served, claim: Growth, tell: Progress) -> Consistency | NotProven:
    walk = Walk(log.agent, first=claim.first)
    why = await _walk(log, walk, claim.second, tell)
    return NotProven(why) if why else walk.consistency(claim.first)


async def _walk(log: Served, walk: Walk, epoch: int | None, tell: Progress) -> str | None:
    """Walk to a checkpoint, or to the newest; what stood in the way, if anything did."""
    if why := log.contradiction:
        return why
    try:
        async with aclosing(log.epochs()) as epochs:
            async for stream in epochs:
                reached = await asyncio.to_thread(walk.read, stream)
                tell("epochs", reached + 1, log.source.epochs)
                if reached == epoch:
                    return None
    except (BadLog, BadCar, BadCheckpoint, BadRecord, OSError) as error:
        return log.lack or str(error)
    if log.lack or epoch is None:
        return log.lack
    return f"checkpoint {epoch} is not there: the log ends with {walk.place}"


def _silent(_what: str, _done: int, _of: int) -> None: ...
