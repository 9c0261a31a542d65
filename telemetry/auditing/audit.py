"""Audits one life: its log in itself, and, where a chain is named, against what happened there.

The log is read once from birth to head; the chain is asked before (who must have signed) and
after (what was really done). Untrusted throughout: a bad log gives findings, never a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from chain.types import Address
from telemetry.auditing import findings as kinds
from telemetry.auditing.facts import Registered, Witness
from telemetry.auditing.findings import Finding, Findings
from telemetry.auditing.gateway import open_gateway
from telemetry.auditing.judge_chain import (
    REASONS,
    goes_on,
    judge_anchors,
    judge_ending,
    judge_identity,
    judge_time,
)
from telemetry.auditing.judge_log import Keeper, LogJudge
from telemetry.auditing.judge_spending import judge_nonces, judge_transfers
from telemetry.auditing.source import Bounds, Source, open_folder
from telemetry.auditing.told import Told
from telemetry.checkpoint import Domain
from telemetry.errors import SourceError

Verified = Literal["chain", "internal"]
Progress = Callable[[str, int, int], None]
"""Told what is being read, how much of it is done, and how much there is."""
_ADDRESS_LENGTH: Final = 42


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit comes to; `outcome` is None for a life that goes on."""

    ok: bool
    verified: Verified
    findings: tuple[Finding, ...]
    agent: int | None
    records: int
    epochs: int
    head: str | None
    outcome: str | None
    cause: str | None

    def plain(self) -> dict[str, Any]:
        """Return the verdict as JSON has it."""
        return asdict(self) | {"findings": [asdict(finding) for finding in self.findings]}


async def audit(
    source: str,
    *,
    agent: int | None = None,
    rpc: str | None = None,
    registry: str | None = None,
    progress: Progress | None = None,
    bounds: Bounds | None = None,
) -> Verdict:
    """Audit a folder or a gateway.

    Raises `SourceError` when there is no log to read, `chain.errors.ChainError` when the chain
    that was named does not answer.
    """
    if registry is not None and not _is_address(registry):
        raise SourceError(why="the registry is not an address", registry=registry[:80])
    tell = progress or _silent
    found, told = Findings(), Told()
    async with AsyncExitStack() as stack:
        witness = None
        if rpc and registry:
            witness = await stack.enter_async_context(_witness(rpc, registry, tell))
        async with _source(source, agent, bounds or Bounds(), found) as log:
            told.agent = log.agent
            life = await _life(witness, log.agent)
            told.wallet = life.wallet if life else None
            judge = LogJudge(told, found, _keeper(witness, life))
            await _read(log, judge, found, tell)
        if rpc and witness is None:
            witness = await stack.enter_async_context(_claimed(rpc, told, found, tell))
        if witness:
            ended = await _judge_with(witness, told, found)
        else:
            ended = _judge_alone(told, registry, found)
    findings = found.all()
    outcome, cause = (told.ending.reason, told.ending.cause) if told.ending else (ended, None)
    return Verdict(
        ok=not any(finding.level == "fault" for finding in findings),
        verified="chain" if witness else "internal",
        findings=findings,
        agent=told.agent,
        records=told.records,
        epochs=judge.epochs,
        head=judge.head,
        outcome=outcome,
        cause=cause,
    )


@asynccontextmanager
async def _source(
    source: str, agent: int | None, bounds: Bounds, found: Findings
) -> AsyncIterator[Source]:
    if source.startswith(("http://", "https://")):
        async with open_gateway(source, agent, bounds, found) as gateway:
            yield gateway
    else:
        yield await asyncio.to_thread(open_folder, Path(source), agent, bounds, found)


@asynccontextmanager
async def _witness(rpc: str, registry: str, tell: Progress) -> AsyncIterator[Witness]:
    """Bring in what speaks to a chain only where one is asked."""
    from telemetry.auditing.witness import open_witness

    async with open_witness(rpc, registry, tell) as witness:
        yield witness


def _claimed(rpc: str, told: Told, found: Findings, tell: Progress) -> Any:
    """Without a registry to trust, the one that the log names must do."""
    if told.birth is None:
        raise SourceError(why="the log names no registry; name one with --registry")
    said = f"the registry {told.birth.registry} is the log's own word; name it with --registry"
    found.note(kinds.TRUST, said)
    return _witness(rpc, told.birth.registry, tell)


async def _life(witness: Witness | None, agent: int | None) -> Registered | None:
    return await witness.life(agent) if witness and agent is not None else None


def _keeper(witness: Witness | None, life: Registered | None) -> Keeper | None:
    if witness is None or life is None:
        return None
    return Keeper(life.log_key, Domain(witness.chain_id, Address(witness.registry)))


async def _read(log: Source, judge: LogJudge, found: Findings, tell: Progress) -> None:
    done = 0
    async for piece in log.pieces():
        try:
            await asyncio.to_thread(judge.read, piece)
        except OSError as error:
            found.fault(kinds.DAMAGED, f"{piece.name}: {error.strerror}")
        done += 1
        tell("epochs", done, log.epochs)


async def _judge_with(witness: Witness, told: Told, found: Findings) -> str | None:
    """Return how the life ended as far as the chain tells, or None when it goes on."""
    life = await _life(witness, told.agent)
    if life is None or told.agent is None:
        found.fault(kinds.IDENTITY, f"the registry knows no agent {told.agent}")
        return "lost"
    if told.birth:
        judge_identity(told.birth, life, witness.chain_id, witness.registry, found)
    else:
        found.fault(kinds.ORDER, "the log has no birth record", 0)
    account = await witness.account(told.agent, life, _hashes(told), told.last_block)
    judge_time(told, account, found)
    judge_anchors(told, life, account, found)
    judge_nonces(told, life, witness.registry, account, found)
    judge_transfers(told, life, account, found)
    judge_ending(told, life, account, found)
    if goes_on(told, life, account):
        return None
    return REASONS.get(life.cause, "lost")


def _hashes(told: Told) -> dict[int, list[str]]:
    """Where each nonce's transaction may be found; a fee bump is known once it has settled."""
    places: dict[int, list[str]] = {}
    for nonce, named in told.named.items():
        settled = told.settled.get(nonce)
        said = (settled.hash if settled else None, named.hash)
        places[nonce] = list(dict.fromkeys(each for each in said if each))
    return places


def _judge_alone(told: Told, registry: str | None, found: Findings) -> str:
    """Return `lost`, which a log without an ending is when nothing else is known of it."""
    if told.birth is None:
        found.fault(kinds.ORDER, "the log has no birth record", 0)
    elif registry is not None and registry.lower() != told.birth.registry:
        found.fault(kinds.IDENTITY, f"the log names registry {told.birth.registry}", 0)
    if told.ending is None:
        found.fault(kinds.ENDING, "the log has no ending")
    return "lost"


def _is_address(text: str) -> bool:
    if len(text) != _ADDRESS_LENGTH or not text.startswith("0x"):
        return False
    try:
        return len(bytes.fromhex(text[2:])) > 0
    except ValueError:
        return False


def _silent(_what: str, _done: int, _of: int) -> None: ...
