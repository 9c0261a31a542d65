"""Audits one life: its log in itself, and, where a chain is named, against what happened there.

The log is read once from birth to head; the chain is asked before (who must have signed) and
after (what was really done). Untrusted throughout: a bad log gives findings, never a crash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from chain.types import Address
from telemetry.auditing import findings as kinds
from telemetry.auditing.confronting import confront
from telemetry.auditing.epoch import Epoch, Harvest, Keeper, Known
from telemetry.auditing.facts import Account, LeaseFact, Registered, Witness
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_chain import REASONS, goes_on
from telemetry.auditing.judge_log import LogJudge
from telemetry.auditing.judge_spending import Case
from telemetry.auditing.peer import Where, open_peer
from telemetry.auditing.pool import Pool
from telemetry.auditing.shelf import Shelf
from telemetry.auditing.source import Bounds, Piece, Source, open_folder
from telemetry.auditing.verdict import Verdict, conclude
from telemetry.checkpoint import Domain
from telemetry.cid import Cid, digest_of, from_digest
from telemetry.errors import SourceError
from telemetry.record import SAFE_INTEGER
from telemetry.web import KUBO

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
class Audited:
    """A verdict, and what it was reached by: of use to those who make more of the log."""

    verdict: Verdict
    known: Known
    life: Registered | None
    account: Account | None
    leases: tuple[LeaseFact, ...]
    log: LogJudge
    witness: Witness | None
    shelf: Shelf
    """Open, like the witness, only as long as the audit's context is."""

    @property
    def name(self) -> str | None:
        """The life's, as its chain knows it."""
        if self.witness is None or self.life is None or self.known.agent is None:
            return None
        return life_name(
            self.witness.chain_id, self.witness.registry, self.known.agent, self.life.wallet
        )

    def keep(self, path: Path) -> None:
        """Leave all that was learnt of a sound log for an audit that goes on from here."""
        if self.verdict.ok and self.log.since:
            self.shelf.save(path, self.log.dump())


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
) -> Audited:
    """The same, for those who want more: `harvest` runs on each epoch, wherever that is judged."""
    async with examining(
        asked, progress=progress, bounds=bounds, harvest=harvest, gather=gather
    ) as audited:
        return audited


@asynccontextmanager
async def examining(
    asked: Asked,
    *,
    progress: Progress | None = None,
    bounds: Bounds | None = None,
    harvest: Harvest | None = None,
    gather: Gather | None = None,
    kept_at: Callable[[str], Path] | None = None,
) -> AsyncIterator[Audited]:
    """The same again, with shelf and witness still at hand.

    `kept_at` is where to go on from, by the name of a life that the chain knows: where that file
    exists only what is new is read, and `Audited.keep` leaves it there for the next time.
    """
    _judge_question(asked)
    tell, bounds = progress or _silent, bounds or Bounds()
    found = Findings()
    async with AsyncExitStack() as stack:
        witness = None
        if asked.rpc and asked.registry:
            witness = await stack.enter_async_context(_witness(asked.rpc, asked.registry, tell))
        kept = await _kept(kept_at, witness, asked)
        shelf, judge = _begin(kept, found)
        stack.callback(shelf.close)
        asked = _of(asked, judge)
        log = await stack.enter_async_context(_source(asked, witness, judge, bounds, found))
        life = await _life(witness, log.agent)
        known = Known(log.agent, _keeper(witness, life), judge.story.birth)
        pool = Pool(harvest, log.size)
        stack.push_async_callback(pool.close)
        known = await _read(log, judge, pool, known, tell, gather)
        if asked.head and not shelf.has_mark(digest_of(asked.head)):
            found.fault(kinds.MISSING, f"{asked.head} is no checkpoint of this log")
        if asked.rpc and witness is None:
            witness = await stack.enter_async_context(_claimed(asked.rpc, judge, found, tell))
            life = await _life(witness, known.agent)
        case, leases, ended = await _judge(asked, witness, judge, shelf, life, known, found)
        verdict = conclude(judge, found, known, ended, on_chain=witness is not None)
        account = case.account if case else None
        yield Audited(verdict, known, life, account, leases, judge, witness, shelf)


async def _kept(
    kept_at: Callable[[str], Path] | None, witness: Witness | None, asked: Asked
) -> Path | None:
    if kept_at is None or witness is None or asked.agent is None:
        return None
    life = await witness.life(asked.agent)
    if life is None:
        return None
    return kept_at(life_name(witness.chain_id, witness.registry, asked.agent, life.wallet))


def life_name(chain: int, registry: str, agent: int, wallet: str) -> str:
    """What tells lives apart; worlds on one machine have the same chain, registry and numbers."""
    return f"{chain}:{registry}:{agent}:{wallet}".lower()


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
    if asked.agent is not None and not 0 <= asked.agent < SAFE_INTEGER:
        raise SourceError(why="no agent has this number", agent=str(asked.agent)[:80])
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
        head = Cid(asked.head) if asked.head else None
        named = Where(head, anchored, judge.since, judge.knows)
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


async def _judge(
    asked: Asked,
    witness: Witness | None,
    judge: LogJudge,
    shelf: Shelf,
    life: Registered | None,
    known: Known,
    found: Findings,
) -> tuple[Case | None, tuple[LeaseFact, ...], str | None]:
    """The chain's case, the leases, and how the life ended; None for one that goes on."""
    if witness is None:
        return None, (), _judge_alone(judge, asked.registry, found)
    if life is None or known.agent is None:
        found.fault(kinds.IDENTITY, f"the registry knows no agent {known.agent}")
        return None, (), "lost"
    account = await witness.account(known.agent, life, judge.last_block)
    life = await witness.life(known.agent, account.head) or life  # it may have ended meanwhile
    case = Case(judge, shelf, life, account, witness.registry, found)
    leases = await confront(witness, case)
    ended = None if goes_on(judge, life, account) else REASONS.get(life.cause, "lost")
    return case, leases, ended


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


def _is_address(text: str) -> bool:
    if len(text) != _ADDRESS_LENGTH or not text.startswith("0x"):
        return False
    try:
        return len(bytes.fromhex(text[2:])) > 0
    except ValueError:
        return False


def _silent(_what: str, _done: int, _of: int) -> None: ...
