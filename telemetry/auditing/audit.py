"""Audits one life: its log in itself, and, where a chain is named, against what happened there.

The log is read once from birth to head; the chain is asked before (who must have signed) and
after (what was really done). Untrusted throughout: a bad log gives findings, never a crash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from chain.errors import Reverted
from chain.types import Address
from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import Epoch, Harvest, Keeper, Known
from telemetry.auditing.facts import LeaseFact, Registered, Witness
from telemetry.auditing.findings import Finding, Findings
from telemetry.auditing.judge_chain import (
    REASONS,
    goes_on,
    judge_anchors,
    judge_ending,
    judge_identity,
    judge_time,
)
from telemetry.auditing.judge_conduct import (
    NETWORK,
    judge_blocks,
    judge_halts,
    judge_leases,
    patience,
)
from telemetry.auditing.judge_log import LogJudge
from telemetry.auditing.judge_spending import Case, judge_gains, judge_nonces, judge_spendings
from telemetry.auditing.peer import KUBO, Where, open_peer
from telemetry.auditing.pool import Pool
from telemetry.auditing.shelf import Shelf
from telemetry.auditing.source import Bounds, Piece, Source, open_folder
from telemetry.checkpoint import Domain
from telemetry.cid import Cid, digest_of, from_digest
from telemetry.errors import SourceError

Verified = Literal["chain", "internal"]
Progress = Callable[[str, int, int], None]
"""Told what is being read, how much of it is done, and how much there is."""
Gather = Callable[[Epoch, Any], None]
"""Handed each epoch in order, with what the harvest took from it."""
_ADDRESS_LENGTH: Final = 42


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be audited, and against what."""

    source: str | None = None
    """A folder, a gateway, a Kubo node; None for where the registry says that the log is served."""
    agent: int | None = None
    head: str | None = None
    """The CID of the newest checkpoint, where the source does not know."""
    rpc: str | None = None
    registry: str | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many of how many sampled decisions were run again, and how far they were off at most."""

    decisions: int
    sampled: int
    largest: float
    """Total variation between the probabilities that the log says and those found."""


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
    replay: Replayed | None = None
    """What came of running decisions again, if that was asked for."""

    def after(self, replay: Replayed, findings: tuple[Finding, ...]) -> Verdict:
        """The same verdict, with what was found later."""
        every = (*self.findings, *findings)
        return replace(self, ok=_is_sound(every), findings=every, replay=replay)

    def plain(self) -> dict[str, Any]:
        """Return the verdict as JSON has it."""
        return asdict(self) | {"findings": [asdict(finding) for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class Audited:
    """A verdict, and what it was reached by: of use to those who make more of the log."""

    verdict: Verdict
    life: Registered | None
    leases: tuple[LeaseFact, ...]
    known: Known


async def audit(
    source: str | None,
    *,
    agent: int | None = None,
    head: str | None = None,
    rpc: str | None = None,
    registry: str | None = None,
    progress: Progress | None = None,
    bounds: Bounds | None = None,
) -> Verdict:
    """Audit a folder, a gateway, a Kubo node, or what the registry names.

    Raises `SourceError` when there is no log to read, `chain.errors.ChainError` when the chain
    that was named does not answer.
    """
    asked = Asked(source, agent, head, rpc, registry)
    return (await examine(asked, progress=progress, bounds=bounds)).verdict


async def examine(
    asked: Asked,
    *,
    progress: Progress | None = None,
    bounds: Bounds | None = None,
    harvest: Harvest | None = None,
    gather: Gather | None = None,
    kept: Path | None = None,
) -> Audited:
    """The same, for those who want more.

    `harvest` runs on each epoch, wherever that is judged. `kept` is a file to go on from: where it
    exists only what is new is read; a sound log leaves it there, for the next time.
    """
    _judge_question(asked)
    tell, bounds = progress or _silent, bounds or Bounds()
    found = Findings()
    async with AsyncExitStack() as stack:
        shelf, judge = _begin(kept, found)
        stack.callback(shelf.close)
        asked = _of(asked, judge)
        witness = None
        if asked.rpc and asked.registry:
            witness = await stack.enter_async_context(_witness(asked.rpc, asked.registry, tell))
        log = await stack.enter_async_context(_source(asked, witness, judge, bounds, found))
        life = await _life(witness, log.agent)
        known = Known(log.agent, _keeper(witness, life), judge.story.birth)
        pool = Pool(harvest, log.size)
        stack.push_async_callback(pool.close)
        known = await _read(log, judge, pool, known, tell, gather)
        if asked.rpc and witness is None:
            witness = await stack.enter_async_context(_claimed(asked.rpc, judge, found, tell))
            life = await _life(witness, known.agent)
        leases: tuple[LeaseFact, ...] = ()
        ended: str | None
        if witness is None:
            ended = _judge_alone(judge, asked.registry, found)
        else:
            ended, leases = await _judge_with(witness, judge, shelf, life, known, found)
        verdict = _verdict(judge, found, known, ended, on_chain=witness is not None)
        if kept and verdict.ok and judge.since:
            shelf.save(kept, judge.dump())
    return Audited(verdict, life, leases, known)


def _begin(kept: Path | None, found: Findings) -> tuple[Shelf, LogJudge]:
    if kept is None or not kept.exists():
        shelf = Shelf()
        return shelf, LogJudge(shelf, found)
    shelf, state = Shelf.load(kept)
    judge = LogJudge(shelf, found)
    judge.resume(state)
    return shelf, judge


def _of(asked: Asked, judge: LogJudge) -> Asked:
    """What was read before says whose log it was."""
    if judge.story.birth is None:
        return asked
    agent = judge.story.birth.agent
    if asked.agent not in (None, agent):
        raise SourceError(why="what was read before is another agent's", agent=agent)
    return replace(asked, agent=agent)


def _judge_question(asked: Asked) -> None:
    if asked.registry is not None and not _is_address(asked.registry):
        raise SourceError(why="the registry is not an address", registry=asked.registry[:80])
    if asked.head is not None:
        digest_of(asked.head)
    if asked.source is None and not (asked.rpc and asked.registry and asked.agent is not None):
        raise SourceError(why="name a source, or a chain, its registry and the agent")


@asynccontextmanager
async def _source(
    asked: Asked, witness: Witness | None, judge: LogJudge, bounds: Bounds, found: Findings
) -> AsyncIterator[Source]:
    where, anchored = asked.source, None
    if witness and asked.agent is not None:
        if where is None:
            where = await witness.uri(asked.agent)
            if not where.startswith(("http://", "https://")):
                raise SourceError(why="the registry names no address of this log", uri=where[:200])
        life = await witness.life(asked.agent)
        anchored = from_digest(life.last.digest) if life and life.last else None
    assert where is not None  # noqa: S101 - _judge_question's promise
    if where.startswith(("http://", "https://", KUBO)):
        named = Where(Cid(asked.head) if asked.head else None, anchored, judge.since)
        async with open_peer(where, asked.agent, named, bounds, found) as peer:
            yield peer
    else:
        start = judge.since.epoch if judge.since else 0
        yield open_folder(Path(where), asked.agent, bounds, found, start)


@asynccontextmanager
async def _witness(rpc: str, registry: str, tell: Progress) -> AsyncIterator[Witness]:
    """Bring in what speaks to a chain only where one is asked."""
    from telemetry.auditing.witness import open_witness

    async with open_witness(rpc, registry, tell) as witness:
        yield witness


def _claimed(rpc: str, judge: LogJudge, found: Findings, tell: Progress) -> Any:
    """Without a registry to trust, the one that the log names must do."""
    if judge.story.birth is None:
        raise SourceError(why="the log names no registry; name one with --registry")
    registry = judge.story.birth.registry
    said = f"the registry {registry} is the log's own word; name it with --registry"
    found.note(kinds.TRUST, said)
    return _witness(rpc, registry, tell)


async def _life(witness: Witness | None, agent: int | None) -> Registered | None:
    return await witness.life(agent) if witness and agent is not None else None


def _keeper(witness: Witness | None, life: Registered | None) -> Keeper | None:
    if witness is None or life is None:
        return None
    return Keeper(life.log_key, Domain(witness.chain_id, Address(witness.registry)))


async def _read(
    log: Source,
    judge: LogJudge,
    pool: Pool,
    known: Known,
    tell: Progress,
    gather: Gather | None,
) -> Known:
    """Judge every epoch; gives what is known once the first has been read."""
    done = 0

    def take(piece: Piece, epoch: Epoch) -> None:
        nonlocal done
        judge.join(epoch, known, piece.name)
        log.release(piece)
        if gather and epoch.head is not None:
            gather(epoch, epoch.harvest)
        done += 1
        tell("epochs", done, log.epochs)

    async with aclosing(log.pieces()) as pieces:  # type: ignore[type-var] # they are generators
        async for piece in pieces:
            epoch = await pool.first(piece, known)
            take(piece, epoch)
            known = known._replace(birth=judge.story.birth)
            break
        async for piece, epoch in pool.judge(pieces, known):
            take(piece, epoch)
    return known._replace(birth=judge.story.birth)


async def _judge_with(
    witness: Witness,
    judge: LogJudge,
    shelf: Shelf,
    life: Registered | None,
    known: Known,
    found: Findings,
) -> tuple[str | None, tuple[LeaseFact, ...]]:
    """How the life ended as far as the chain tells, or None when it goes on; and its leases."""
    if life is None or known.agent is None:
        found.fault(kinds.IDENTITY, f"the registry knows no agent {known.agent}")
        return "lost", ()
    birth = judge.story.birth
    if birth:
        judge_identity(birth, life, witness.chain_id, witness.registry, found)
    else:
        found.fault(kinds.ORDER, "the log has no birth record", 0)
    account = await witness.account(known.agent, life, judge.last_block)
    case = Case(judge, shelf, life, account, witness.registry, found)
    judge_time(judge, account, found)
    judge_anchors(judge, shelf, life, account, found)
    nonces = witness.transactions(life.wallet, account.nonce, _named(shelf))
    await judge_nonces(case, nonces)
    await judge_spendings(case, witness.spendings(life, account.head))
    await judge_gains(case, witness.gains(life, account.head))
    judge_ending(judge, life, account, found)
    leases = await _judge_conduct(witness, case) if birth else ()
    if goes_on(judge, life, account):
        return None, leases
    return REASONS.get(life.cause, "lost"), leases


async def _judge_conduct(witness: Witness, case: Case) -> tuple[LeaseFact, ...]:
    birth, account, life = case.log.story.birth, case.account, case.life
    assert birth is not None  # noqa: S101 - the caller's branch
    halts = [
        (halt, await witness.block_at(halt.at + patience(birth), account.head))
        for halt in account.halts
    ]
    judge_halts(halts, case.log.decided, birth, case.found)
    leases = await _leases(witness, case, birth.market)
    told = [
        (at, await witness.time(min(at.block, account.head)))
        for at in case.shelf.leases()
        if at.said.network == NETWORK
    ]
    judge_leases(told, leases, life.wallet, case.found)
    sample = [seen for seen in case.log.sample if seen.number <= account.head]
    numbers = [seen.number for seen in sample]
    hashes = [each async for each in witness.block_hashes(numbers)]
    judge_blocks(sample, hashes, case.found)
    return tuple(leases)


async def _leases(witness: Witness, case: Case, market: str) -> Sequence[LeaseFact]:
    """The market is the log's own word: there may be none."""
    try:
        return await witness.leases(market, case.life, case.shelf.leased(NETWORK))
    except Reverted as error:
        case.found.note(kinds.TRUST, f"no lease market at {market}: {error}", 0)
        return ()


def _named(shelf: Shelf) -> Iterator[tuple[int, Sequence[str]]]:
    """Where each nonce's transaction may be found; a fee bump is known once it has settled."""
    for named in shelf.all_named():
        settled = shelf.settled(named.nonce)
        said = (settled.said.hash if settled else None, named.hash)
        yield named.nonce, list(dict.fromkeys(each for each in said if each))


def _judge_alone(judge: LogJudge, registry: str | None, found: Findings) -> str:
    """Return `lost`, which a log without an ending is when nothing else is known of it."""
    birth = judge.story.birth
    if birth is None:
        found.fault(kinds.ORDER, "the log has no birth record", 0)
    elif registry is not None and registry.lower() != birth.registry:
        found.fault(kinds.IDENTITY, f"the log names registry {birth.registry}", 0)
    if judge.story.ending is None:
        found.fault(kinds.ENDING, "the log has no ending")
    return "lost"


def _verdict(
    judge: LogJudge, found: Findings, known: Known, ended: str | None, *, on_chain: bool
) -> Verdict:
    story = judge.story
    if story.gaps:
        said = f"{story.gaps} times nothing was written, for {story.absent_ms / 1000:.0f} s in all"
        found.note(kinds.GAP, said)
    findings = found.all()
    ending = story.ending[1] if story.ending else None
    return Verdict(
        ok=_is_sound(findings),
        verified="chain" if on_chain else "internal",
        findings=findings,
        agent=known.agent,
        records=judge.records,
        epochs=judge.epochs,
        head=from_digest(judge.head.digest) if judge.head else None,
        outcome=ending.reason if ending else ended,
        cause=ending.cause if ending else None,
    )


def _is_sound(findings: Iterable[Finding]) -> bool:
    return not any(finding.level == "fault" for finding in findings)


def _is_address(text: str) -> bool:
    if len(text) != _ADDRESS_LENGTH or not text.startswith("0x"):
        return False
    try:
        return len(bytes.fromhex(text[2:])) > 0
    except ValueError:
        return False


def _silent(_what: str, _done: int, _of: int) -> None: ...
