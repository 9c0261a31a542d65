"""An answer in plain words, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from telemetry.proving.proof import Inclusion, NotProven, Proof, Proven, Verdict
from telemetry.proving.prove import Answer
from telemetry.proving.written import plain


def answer_lines(answer: Answer) -> Iterator[str]:
    """Yield lines without markup; the last one is the verdict."""
    verdict, proof = answer
    if proof:
        yield from _facts(proof)
    if isinstance(verdict, NotProven):
        yield f"NOT PROVEN: {verdict.why}"
    elif proof:
        yield f"PROVEN: {_claim(proof)}; {_vouched(verdict)}"


def answer_plain(answer: Answer) -> dict[str, Any]:
    """The same as JSON has it."""
    verdict, proof = answer
    anchored = verdict.anchored if isinstance(verdict, Proven) else None
    return {
        "proven": isinstance(verdict, Proven),
        "why": verdict.why if isinstance(verdict, NotProven) else None,
        "verified": _by(verdict),
        "anchored": list(anchored or ()),
        "path_bytes": weight(proof) if proof else 0,
        "proof": plain(proof) if proof else None,
    }


def weight(proof: Proof) -> int:
    """Bytes of the path: all that is needed beside the record and the roots."""
    return sum(map(len, proof.path))


def _facts(proof: Proof) -> Iterator[str]:
    log, heads = proof.log, [seal.head for seal in proof.seals]
    yield f"agent       {heads[0].agent}"
    if isinstance(proof, Inclusion):
        yield f"record      {proof.seq}, {len(proof.record):,} bytes"
    for head in heads:
        yield f"checkpoint  {head.epoch}, {head.size:,} records, root 0x{head.root.hex()}"
    yield f"signed by   {log.log_key}"
    yield f"for         registry {log.domain.contract} on chain {log.domain.chain_id}"
    yield f"path        {len(proof.path)} nodes, {weight(proof):,} bytes"


def _claim(proof: Proof) -> str:
    if isinstance(proof, Inclusion):
        head = proof.seal.head
        return f"record {proof.seq} is one of the {head.size:,} under checkpoint {head.epoch}"
    older, newer = proof.older.head, proof.newer.head
    more = newer.size - older.size
    return (
        f"checkpoint {newer.epoch} has the {older.size:,} records of checkpoint {older.epoch}, "
        f"unchanged, and {more:,} more"
    )


def _by(verdict: Verdict) -> str | None:
    if isinstance(verdict, NotProven):
        return None
    return "signature" if verdict.anchored is None else "chain"


def _vouched(verdict: Proven) -> str:
    if verdict.anchored is None:
        return "the key above signed it; whose key that is, no chain was asked"
    epochs = " and ".join(map(str, verdict.anchored))
    return f"the agent's log key signed it, and checkpoint {epochs} is anchored"
