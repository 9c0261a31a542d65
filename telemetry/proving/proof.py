"""Proofs as plain data, and the judging of them: no clock, network or disk.

By itself a proof holds as far as a signature goes. Whose key that is, and whether the log can still
be told otherwise, is for the registry to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from chain import permit
from chain.permit import Domain
from chain.types import Address
from telemetry.checkpoint import Head
from telemetry.errors import BadRecord
from telemetry.record import Record
from telemetry.tree import leaf_hash, verify_consistency, verify_inclusion


@dataclass(frozen=True, slots=True)
class Log:
    """Whose log it is: the key that signs it, and the registry for which that counts."""

    log_key: Address
    domain: Domain


@dataclass(frozen=True, slots=True)
class Seal:
    """A checkpoint without the list of its records."""

    head: Head
    digest: bytes
    """SHA-256 of the checkpoint's block. An anchor confirms it; the signature does not cover it."""
    sig: bytes

    @property
    def anchor(self) -> Anchor:
        """The anchor that names it."""
        return Anchor(self.head.size, self.head.root, self.digest)


class Anchor(NamedTuple):
    """What an anchor says of its epoch."""

    size: int
    root: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That `record` is number `seq` of the log under a checkpoint."""

    log: Log
    seal: Seal
    seq: int
    record: bytes
    path: tuple[bytes, ...]

    @property
    def seals(self) -> tuple[Seal, ...]:
        return (self.seal,)


@dataclass(frozen=True, slots=True)
class Consistency:
    """That a checkpoint covers what an older one does, unchanged, and only more."""

    log: Log
    older: Seal
    newer: Seal
    path: tuple[bytes, ...]

    @property
    def seals(self) -> tuple[Seal, ...]:
        return (self.older, self.newer)


Proof = Inclusion | Consistency


@dataclass(frozen=True, slots=True)
class Attested:
    """What a registry says of an agent."""

    log: Log
    anchors: Mapping[int, Anchor] = field(default_factory=dict)
    """By epoch; no others than those that were asked for, and the last."""


@dataclass(frozen=True, slots=True)
class Proven:
    """It holds."""

    anchored: tuple[int, ...] | None
    """The epochs that the registry vouches for; None where none was asked."""


@dataclass(frozen=True, slots=True)
class NotProven:
    why: str


Verdict = Proven | NotProven


def check(proof: Proof, registered: Attested | None = None) -> Verdict:
    """Judge a proof by itself, and where a registry has been asked, by its word."""
    why = _shown(proof) or _signed(proof) or (registered and _confirmed(proof, registered))
    if why:
        return NotProven(why)
    if registered is None:
        return Proven(None)
    return Proven(tuple(seal.head.epoch for seal in proof.seals if _is_anchored(seal, registered)))


def _shown(proof: Proof) -> str | None:
    return _included(proof) if isinstance(proof, Inclusion) else _grown(proof)


def _included(proof: Inclusion) -> str | None:
    head = proof.seal.head
    try:
        record = Record.decode(proof.record)
    except BadRecord as error:
        return f"its record is none: {error}"
    if (record.agent, record.seq) != (head.agent, proof.seq):
        return f"its record says that it is number {record.seq} of agent {record.agent}"
    if not verify_inclusion(leaf_hash(proof.record), proof.seq, head.size, proof.path, head.root):
        return f"the path does not lead from record {proof.seq} to the root"
    return None


def _grown(proof: Consistency) -> str | None:
    older, newer = proof.older.head, proof.newer.head
    if older.agent != newer.agent:
        return f"the checkpoints are of two agents, {older.agent} and {newer.agent}"
    if older.epoch >= newer.epoch or older.size >= newer.size:
        return f"checkpoint {newer.epoch} does not come after checkpoint {older.epoch}"
    if not verify_consistency(older.size, newer.size, older.root, newer.root, proof.path):
        return f"the path does not lead from checkpoint {older.epoch} to {newer.epoch}"
    return None


def _signed(proof: Proof) -> str | None:
    for seal in proof.seals:
        if permit.signed_by(proof.log.domain, seal.head, seal.sig) != proof.log.log_key:
            return f"checkpoint {seal.head.epoch} is not signed by the log key"
    return None


def _confirmed(proof: Proof, registered: Attested) -> str | None:
    log, known = proof.log, registered.log
    if log.domain != known.domain:
        place = f"registry {log.domain.contract} on chain {log.domain.chain_id}"
        return f"its checkpoints are signed for {place}"
    if log.log_key != known.log_key:
        return f"it is signed by {log.log_key}, and the registry's log key is {known.log_key}"
    for seal in proof.seals:
        if seal.head.epoch in registered.anchors and not _is_anchored(seal, registered):
            return f"the registry has anchored another checkpoint {seal.head.epoch}"
    if not any(_is_anchored(seal, registered) for seal in proof.seals):
        said = " or ".join(str(seal.head.epoch) for seal in proof.seals)
        return f"it is signed by the registry's log key, but checkpoint {said} is not anchored"
    return None


def _is_anchored(seal: Seal, registered: Attested) -> bool:
    return registered.anchors.get(seal.head.epoch) == seal.anchor
