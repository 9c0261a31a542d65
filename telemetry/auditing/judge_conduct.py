"""Judges conduct: halts that were obeyed, leases that were told, blocks that are real. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import Seen
from telemetry.auditing.facts import HaltedAt, LeaseFact
from telemetry.auditing.findings import Findings
from telemetry.auditing.said import GONE, Birth, Leased
from telemetry.auditing.shelf import LeaseAt

OBEY_S: Final = 360
"""A signer that hears nothing of the chain for 300 wall seconds signs nothing new; a minute more
for the tick that then notices."""
FASTEST: Final = 100_000
NETWORK: Final = "lease-market"
"""The network whose leases the chain itself can confirm."""
_HOUSED: Final = frozenset(("active", "grace"))


def patience(birth: Birth) -> int:
    """Chain seconds after a halt in which it may not be known yet."""
    return int(OBEY_S * min(max(birth.speed, 1.0), FASTEST))


def judge_halts(
    halts: Iterable[tuple[HaltedAt, int]],
    decided: Sequence[int],
    birth: Birth,
    found: Findings,
) -> None:
    """While a halt stands on the chain, nothing is decided once it must have been heard.

    Each halt comes with the first block by which it must have been; `decided` are the blocks that
    decisions were read at.
    """
    ordered = sorted(decided)
    for halt, heard in halts:
        at = bisect_left(ordered, heard)
        if at < len(ordered) and (halt.lifted is None or ordered[at] < halt.lifted):
            said = f"halted in block {halt.block}, and still deciding in block {ordered[at]}"
            found.fault(kinds.HALT, said)
        if birth.speed > 1:
            said = f"the log says that chain time runs {birth.speed:g} times as fast as wall time"
            found.note(kinds.TRUST, said, 0)


def judge_reason(
    reason: str, at: int, birth: Birth, born_at: int, *, halted: bool, found: Findings
) -> None:
    """No death may pass for something else: the end was written at `at`, in chain seconds."""
    age = at - born_at
    if reason == "horizon" and age < birth.horizon_s:
        said = f"said to have reached its horizon of {birth.horizon_s} s at an age of {age} s"
        found.fault(kinds.ENDING, said)
    if reason == "halted" and not halted:
        found.fault(kinds.ENDING, "said to have been halted, and nobody halted it")


def judge_leases(
    told: Iterable[tuple[LeaseAt, int]], facts: Sequence[LeaseFact], wallet: str, found: Findings
) -> None:
    """What records say of leases must be what the market holds; `told` come with their times."""
    known, named = {fact.lease: fact for fact in facts}, set[int]()
    for at, time in told:
        named.add(at.said.lease)
        if why := _untrue(at.said, time, known.get(at.said.lease), wallet):
            found.fault(kinds.LEASE, f"lease {at.said.lease}: {why}", at.seq)
    for fact in facts:
        if fact.lease not in named and fact.tenant == wallet and fact.activated_at:
            said = f"lease {fact.lease}, active from {fact.activated_at}, is told by no record"
            found.note(kinds.LEASE, said)


def _untrue(said: Leased, time: int, fact: LeaseFact | None, wallet: str) -> str | None:
    if fact is None or fact.tenant != wallet:
        return "the market knows no such lease of this wallet"
    if said.state == GONE:
        return None if 0 < fact.closed_at <= time else "said to be gone, and was not closed"
    return _misquoted(said, fact) or _misplaced(said.state, time, fact)


def _misquoted(said: Leased, fact: LeaseFact) -> str | None:
    for name in ("offer", "provider", "rate"):
        if getattr(said, name) != getattr(fact, name):
            return f"its {name} is {getattr(fact, name)}, the record says {getattr(said, name)}"
    return None


def _misplaced(state: str, time: int, fact: LeaseFact) -> str | None:
    if time < fact.opened_at:
        return f"opened at {fact.opened_at}, told of at {time}"
    if state in _HOUSED and not 0 < fact.activated_at <= time:
        return f"said to be {state} at {time}, before it was"
    if state in _HOUSED and 0 < fact.closed_at < time:
        return f"said to be {state} at {time}, closed at {fact.closed_at}"
    return None


def judge_blocks(sample: Sequence[Seen], hashes: Sequence[str | None], found: Findings) -> None:
    """Records must have been read at blocks that the chain has: some may have been reorganised."""
    other = [seen for seen, known in zip(sample, hashes, strict=True) if seen.hash != known]
    if not other:
        return
    said = f"{len(other)} of {len(sample)} records looked up were read at blocks not on the chain"
    if 2 * len(other) > len(sample):
        found.fault(kinds.BLOCK, said, other[0].seq)
    else:
        found.note(kinds.BLOCK, said, other[0].seq)
