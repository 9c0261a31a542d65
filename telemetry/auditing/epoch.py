"""Judges one epoch's file as far as it can be judged alone: for any process, in any order.

What is left over joins it to its neighbours: how its records begin and end, their leaves, and what
they say that other records or the chain must confirm. Whatever a file holds, this returns.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from hashlib import sha256
from heapq import heappush, heapreplace
from random import random
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

from telemetry.auditing import findings as kinds
from telemetry.auditing.findings import Findings, State
from telemetry.auditing.judge_decision import judge_decision
from telemetry.auditing.said import (
    LONGEST_SILENCE_MS,
    Birth,
    Saying,
    genome_digest,
    priced,
    say,
)
from telemetry.car import Sections, listed, read_sections
from telemetry.checkpoint import Checkpoint, Domain, Head
from telemetry.errors import BadCar, BadCheckpoint, BadRecord
from telemetry.record import Record

SAMPLE: Final = 64
"""Of so many records the block they were read at is looked up. Each audit draws them anew: what a
log could compute, its writer could steer."""
LAG: Final = 64
"""Blocks by which one node may be behind another."""

OTHER_SINCE: Final = "a gap that does not begin where the record before was written"
OTHER, HELD, ACTED = range(3)
"""What is remembered of each record: no decision, one to hold, one to act."""
MOST_TOKENS: Final = 16


class Keeper(NamedTuple):
    """Who must have signed the checkpoints, and where that counts."""

    log_key: str
    domain: Domain


class Known(NamedTuple):
    """What an epoch is judged by."""

    agent: int | None
    keeper: Keeper | None
    birth: Birth | None
    """None as long as no birth record was read."""


class Event(NamedTuple):
    """What record `seq` says beyond its form."""

    seq: int
    at: int
    block: int
    kind: str
    said: Saying


class Read(NamedTuple):
    """A sound record, for those who want more of it than a verdict."""

    seq: int
    leaf: bytes
    digest: bytes
    """The SHA-256 that names it."""
    record: Record


class Seen(NamedTuple):
    """A record's block, and when it was written; those of the smallest ranks are looked up."""

    rank: float
    seq: int
    number: int
    hash: str
    at: int


class Taker(Protocol):
    """Takes what somebody wants from one epoch."""

    def take(self, records: Sequence[Read]) -> None:
        """Some more of its sound records; they are not held any longer than this."""
        ...

    def done(self) -> Any:
        """What was wanted; it may travel between processes."""
        ...


Harvest = Callable[[Checkpoint], Taker]
"""Makes a taker for an epoch; it runs where the epoch is judged."""
_HANDFUL: Final = 64
_HANDFUL_BYTES: Final = 256 * 1024
"""What is decoded takes many times as much."""


class Epoch(NamedTuple):
    """One epoch, judged alone."""

    found: State
    head: Head | None = None
    """None when the file holds no checkpoint that can be read; then nothing below counts."""
    digest: bytes = b""
    signed: bool = False
    whole: bool = False
    """Whether every record that the checkpoint lists was there."""
    leaves: tuple[bytes, ...] = ()
    prev: bytes | None = None
    """What the first record says comes before it; None if it cannot be read."""
    began: int | None = None
    """When its first readable record was written, in milliseconds."""
    gap: bool = False
    """Whether that is a `gap` record, whose place in time is its neighbours' business."""
    ended: int = 0
    """When its last one was."""
    listed: int = 0
    """How many records the checkpoint lists."""
    first_block: int = 0
    """The lowest block that a record was read at."""
    last_block: int = 0
    """The highest."""
    flags: bytes = b""
    """Of each record, what is remembered."""
    events: tuple[Event, ...] = ()
    tokens: frozenset[str] = frozenset()
    """What its decisions say is the money they live on."""
    decided: bytes = b""
    """The blocks that its decisions were read at, as an array of "Q"."""
    sample: tuple[Seen, ...] = ()
    harvest: Any = None


def judge_epoch(stream: BinaryIO, name: str, known: Known, harvest: Harvest | None) -> Epoch:
    """Read an epoch's CAR to its end or to where it breaks off."""
    found = Findings()
    try:
        root, sections = read_sections(stream)
        checkpoint = _checkpoint(root, sections)
        if known.agent not in (None, checkpoint.head.agent):
            said = f"{name}: a checkpoint of agent {checkpoint.head.agent}"
            found.fault(kinds.SEQUENCE, said)
            return Epoch(found.state)
        return _EpochJudge(name, known, checkpoint, root, found).run(sections, harvest)
    except BadCar as error:
        found.fault(kinds.DAMAGED, f"{name}: {error}")
    except BadCheckpoint as error:
        found.fault(kinds.CHECKPOINT, f"{name}: {error}")
    except OSError as error:
        found.fault(kinds.DAMAGED, f"{name}: {error.strerror}")
    return Epoch(found.state)


def _checkpoint(root: bytes, sections: Sections) -> Checkpoint:
    first = next(sections, None)
    if first is None or first[0] != root:
        raise BadCar(why="the root's block does not come first")
    return Checkpoint.decode(first[1])


class _EpochJudge:
    """Walks one epoch's records once. Every record of every life passes here: it takes care."""

    def __init__(
        self, name: str, known: Known, checkpoint: Checkpoint, digest: bytes, found: Findings
    ) -> None:
        self._name = name
        self._known = known
        self._checkpoint = checkpoint
        self._digest = digest
        self._found = found
        self._learn(known.birth)
        self._leaves: list[bytes] = []
        self._flags = bytearray()
        self._events: list[Event] = []
        self._tokens: set[str] = set()
        self._token: Any = None
        self._decided = array("Q")
        self._sample: list[tuple[float, Seen]] = []
        self._highest = 1.0
        """The rank that a record's must be below to be looked up."""
        self._prev: bytes | None = None
        self._began: int | None = None
        self._gap = False
        self._at = 0
        self._first_block = self._last_block = -1

    def _learn(self, birth: Birth | None) -> None:
        self._birth = birth
        self._seed = bytes.fromhex(birth.seed[2:]) if birth else None
        self._who = birth.who if birth else None
        self._patience_ms = birth.silence_ms if birth else LONGEST_SILENCE_MS

    def run(self, sections: Sections, harvest: Harvest | None) -> Epoch:
        taker = harvest(self._checkpoint) if harvest else None
        seq, whole = self._checkpoint.first, True
        hand: list[Read] = []
        held = 0
        try:
            for data in listed(self._checkpoint.digests, sections):
                record = self._read(data, seq)
                if record is not None and self._judge(record, seq) and taker:
                    place = len(self._leaves) - 1
                    hand.append(
                        Read(seq, self._leaves[place], self._checkpoint.digests[place], record)
                    )
                    held += len(data)
                    if len(hand) >= _HANDFUL or held >= _HANDFUL_BYTES:
                        taker.take(hand)
                        hand, held = [], 0
                seq += 1
        except (BadCar, OSError) as error:
            self._found.fault(kinds.DAMAGED, f"{self._name}: {error}")
            whole = len(self._leaves) == len(self._checkpoint.digests)
        if taker and hand:
            taker.take(hand)
        return self._epoch(taker.done() if taker else None, whole=whole)

    def _epoch(self, harvested: Any, *, whole: bool) -> Epoch:
        return Epoch(
            found=self._found.state,
            head=self._checkpoint.head,
            digest=self._digest,
            signed=self._is_signed(),
            whole=whole,
            leaves=tuple(self._leaves),
            prev=self._prev,
            began=self._began,
            gap=self._gap,
            ended=self._at,
            listed=len(self._checkpoint.digests),
            first_block=max(0, self._first_block),
            last_block=max(0, self._last_block),
            flags=bytes(self._flags),
            events=tuple(self._events),
            tokens=frozenset(self._tokens),
            decided=self._decided.tobytes(),
            sample=tuple(seen for _, seen in self._sample),
            harvest=harvested,
        )

    def _read(self, data: bytes, seq: int) -> Record | None:
        leaves, leaf = self._leaves, sha256(b"\x00" + data).digest()
        before = leaves[-1] if leaves else None
        leaves.append(leaf)
        self._flags.append(OTHER)
        try:
            record = Record.decode(data)
        except BadRecord as error:
            self._found.fault(kinds.RECORD, str(error), seq)
            return None
        if before is None:
            self._prev = record.prev
        elif record.prev != before:
            self._found.fault(kinds.LINK, "prev is not the leaf of the record before", seq)
        return record

    def _judge(self, record: Record, seq: int) -> bool:
        """Whether its body is what its kind must say; whatever else is wrong is a finding too."""
        agent, said, at, block, _, kind, _ = record
        if agent != self._checkpoint.head.agent or said != seq:
            due = f"agent {agent}, seq {said}, where seq {seq} was due"
            self._found.fault(kinds.SEQUENCE, due, seq)
        if (kind == "birth") != (seq == 0):
            self._found.fault(kinds.ORDER, f"a {kind} as record {seq}", seq)
        if self._began is None:
            self._began, self._gap = at, kind == "gap"
        elif kind == "gap" or not 0 <= at - self._at <= self._patience_ms:
            self._time(record, seq)
        self._at = max(self._at, at)
        if block.number != self._last_block:
            self._move(block.number, seq)
        if self._birth is not None and block.chain != self._birth.chain:
            self._found.fault(kinds.ORDER, f"read on chain {block.chain}", seq)
        rank = random()  # noqa: S311 - seeded by the system in every process that judges
        if rank < self._highest:
            self._look_up(Seen(rank, seq, block.number, block.hash, at))
        try:
            if kind == "decision":
                self._decided.append(block.number)
                return self._decision(record, seq)
            self._say(record, seq)
        except BadRecord as error:
            self._found.fault(kinds.BODY, f"{kind}: {error}", seq)
            return False
        return True

    def _time(self, record: Record, seq: int) -> None:
        """A record that is not simply a little later than the one before."""
        if record.kind == "gap" and record.body.get("since_ms") != self._at:
            self._found.fault(kinds.SILENCE, OTHER_SINCE, seq)
        elif record.at < self._at:
            self._found.fault(kinds.CLOCK, "earlier than the record before", seq)
        elif record.kind != "gap" and (why := silence(self._birth, self._at, record.at)):
            self._found.fault(kinds.SILENCE, why, seq)

    def _move(self, block: int, seq: int) -> None:
        """Blocks only go on, but for a node that is a little behind."""
        if (why := backwards(self._last_block, block)) is not None:
            self._found.fault(kinds.CLOCK, why, seq)
        if self._first_block < 0 or block < self._first_block:
            self._first_block = block
        self._last_block = max(self._last_block, block)

    def _look_up(self, seen: Seen) -> None:
        """Remember it as one of those with the smallest ranks; the heap's top has the largest."""
        push = heappush if len(self._sample) < SAMPLE else heapreplace
        push(self._sample, (-seen.rank, seen))
        if len(self._sample) == SAMPLE:
            self._highest = self._sample[0][1].rank

    def _decision(self, record: Record, seq: int) -> bool:
        body = record.body
        self._flags[-1] = ACTED if body.get("chosen") != 0 else HELD
        seen = body.get("observation")
        places = seen.get("places") if type(seen) is dict else None
        token = places.get("token") if type(places) is dict else None
        if token != self._token and type(token) is str and len(self._tokens) < MOST_TOKENS:
            self._token = token
            self._tokens.add(token[:42].lower())
        verdict = judge_decision(body, seq, self._seed)
        if verdict:
            self._found.fault(*verdict, seq)
        elif body["chosen"] and (said := priced(body)):
            self._events.append(Event(seq, record.at, record.block.number, record.kind, said))
        return verdict is None

    def _say(self, record: Record, seq: int) -> None:
        said = say(record, self._who)
        if isinstance(said, Birth):
            if self._birth is None and seq == 0:
                self._learn(said)
            if said.genome != genome_digest(record.body):
                self._found.fault(kinds.IDENTITY, "the genome is not what its digest says", seq)
        if said is not None:
            self._events.append(Event(seq, record.at, record.block.number, record.kind, said))

    def _is_signed(self) -> bool:
        """Without a chain the log's own birth record says whose key it is."""
        keeper = self._known.keeper
        if keeper is None and self._birth is not None:
            keeper = claimed_keeper(self._birth)
        return keeper is not None and self._checkpoint.signed_by(keeper.log_key, keeper.domain)


def claimed_keeper(birth: Birth) -> Keeper:
    """Whose key a log says it is."""
    return Keeper(birth.log_key, Domain(birth.chain, birth.who.registry))


def backwards(before: int, block: int) -> str | None:
    """Why a record cannot have been read at this block after one at the other."""
    if block >= before - LAG:
        return None
    return f"read at block {block}, after one at block {before}"


def silence(birth: Birth | None, before: int, at: int) -> str | None:
    """Why two neighbouring records are too far apart, if they are."""
    if birth is None or at - before <= birth.silence_ms:
        return None
    return f"{(at - before) / 1000:.0f} s after the record before, without a gap between them"
