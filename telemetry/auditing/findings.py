"""What an audit finds: faults make a log fail, notes are worth knowing and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from telemetry.others_words import tame

Level = Literal["fault", "note"]

MOST_OF_A_KIND: Final = 40
"""A hostile log could cause millions; beyond this they are only counted."""

# What was handed in
DAMAGED: Final = "damaged"
"""A file or an answer that is no sound CAR, or holds other blocks than its checkpoint lists."""
MISSING: Final = "missing"
"""An epoch that others show to exist and the source does not give."""
DUPLICATE: Final = "duplicate"
"""The same epoch twice (note)."""
FORK: Final = "fork"
"""Two different checkpoints for one epoch."""
MISNAMED: Final = "misnamed"
"""A file whose name says another epoch or checkpoint than it holds (note)."""

# The log in itself
RECORD: Final = "record"
"""Not a valid record: schema, version, size."""
CHECKPOINT: Final = "checkpoint"
"""Not a valid checkpoint: schema, version, size."""
SEQUENCE: Final = "sequence"
"""Epochs or records that do not follow one another, or belong to another agent."""
LINK: Final = "link"
"""A `prev` that is not the leaf, or the checkpoint, before."""
TREE: Final = "tree"
"""A size or a root that is not that of all records so far."""
SIGNATURE: Final = "signature"
"""A checkpoint that the log key did not sign."""
ORDER: Final = "order"
"""A record where its kind may not stand."""
CLOCK: Final = "clock"
"""Time that runs backwards, or ahead of the chain."""
SILENCE: Final = "silence"
"""Nothing for longer than the log's own promise, or a gap that says another time."""
BODY: Final = "body"
"""A body without what its kind must say."""
DECISION: Final = "decision"
"""Probabilities or a menu that cannot be."""
REPLAY: Final = "replay"
"""The model that a record names gives other probabilities for its prompt."""
DRAW: Final = "draw"
"""A choice other than the one that the birth seed draws."""
INTENT: Final = "intent"
"""Intents that repeat, contradict one another, or answer no record."""
ENDING: Final = "ending"
"""An ending that is missing, or another than the chain's."""

# The log against the chain
IDENTITY: Final = "identity"
"""Another wallet, key, genome, seed, parents, chain or registry than was born."""
ANCHOR: Final = "anchor"
"""An anchored checkpoint that is not the log's."""
BLOCK: Final = "block"
"""Records read at blocks that are not on the chain."""
HALT: Final = "halt"
"""Something decided, asked for or done untold while a halt stood on the chain."""
LEASE: Final = "lease"
"""A lease that is another than the market's, or that no record tells of."""
UNNAMED: Final = "unnamed"
"""A transaction of the wallet that no record names."""
UNSEEN: Final = "unseen"
"""A nonce of the wallet whose transaction could not be found on the chain."""
CALL: Final = "call"
"""A transaction that does something else than its record says."""
SETTLEMENT: Final = "settlement"
"""A settled effect that differs from its receipt."""
TRANSFER: Final = "transfer"
"""Tokens that left the wallet outside the transactions that records name."""
SALE: Final = "sale"
"""An answer sold at no price that a decision named, or not paid as its record says."""
INFLOW: Final = "inflow"
"""Tokens that came unasked (note)."""
SPAM: Final = "spam"
"""Tokens that the log has nothing to do with say that they left the wallet (note)."""
ALIVE: Final = "alive"
"""The life goes on: its log has no ending yet (note)."""
GAP: Final = "gap"
"""Times in which nothing was written, as the log itself admits (note)."""
AHEAD: Final = "ahead"
"""The chain is further than what a living agent has published (note)."""
UNANCHORED: Final = "unanchored"
"""Records after the last anchor: signed, but not fixed on the chain yet (note)."""
UNMINED: Final = "unmined"
"""A transaction that a record names and no block holds (note)."""
TRUST: Final = "trust"
"""Something taken from the log itself that the auditor should have been told (note)."""


WITHOUT_KEY: Final = frozenset(
    {
        *(DAMAGED, MISSING, FORK, CHECKPOINT, SEQUENCE, SIGNATURE, IDENTITY),
        *(CLOCK, BLOCK, UNSEEN, ENDING),
    }
)
"""What can be made of a sound log without its key: by who serves it, or by a node that lags."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `record` is the seq it concerns, where it concerns one."""

    kind: str
    level: Level
    record: int | None
    detail: str


State = tuple[tuple[Finding, ...], Mapping[tuple[str, Level], int]]
"""Findings on their way from one process to another: those kept, and how many there were."""


class Findings:
    """Collects findings and stays small whatever the log does."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._counts: Counter[tuple[str, Level]] = Counter()

    def fault(self, kind: str, detail: str, record: int | None = None) -> None:
        self._add(Finding(kind, "fault", record, detail))

    def note(self, kind: str, detail: str, record: int | None = None) -> None:
        self._add(Finding(kind, "note", record, detail))

    def all(self) -> tuple[Finding, ...]:
        """Return what was found, and how much more of a kind was only counted."""
        more = (
            Finding(kind, level, None, f"and {count - MOST_OF_A_KIND} more of this kind")
            for (kind, level), count in self._counts.items()
            if count > MOST_OF_A_KIND
        )
        return (*self._found, *more)

    @property
    def state(self) -> State:
        return tuple(self._found), dict(self._counts)

    def absorb(self, state: State) -> None:
        """Take over what was found elsewhere."""
        found, counts = state
        kept: Counter[tuple[str, Level]] = Counter()
        for finding in found:
            kept[finding.kind, finding.level] += 1
            self._add(finding)
        for key, count in counts.items():
            self._counts[key] += count - kept[key]

    def _add(self, finding: Finding) -> None:
        self._counts[finding.kind, finding.level] += 1
        if self._counts[finding.kind, finding.level] <= MOST_OF_A_KIND:
            self._found.append(replace(finding, detail=tame(finding.detail)))
