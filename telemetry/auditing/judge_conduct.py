"""Judges conduct: halts that were obeyed, leases that were told, blocks that are real. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

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
LOCAL_CHAINS: Final = frozenset((31337, 1337))
"""Where anybody may set the clock: the chain ids of developers' nodes."""
SKEW_S: Final = 3600
"""A clock may be wrong by as much as a log may be silent."""
NETWORK: Final = "lease-market"
"""The network whose leases the chain itself can confirm."""
_HOUSED: Final = frozenset(("active", "grace"))


def patience(birth: Birth) -> int:
    """Chain seconds after a halt in which it may not be known yet."""
    return int(OBEY_S * min(max(birth.speed, 1.0), FASTEST))


def judge_speed(birth: Birth, found: Findings) -> None:
    """Chain time is wall time, but on a developer's chain, whose clock anybody may set."""
    if birth.speed != 1 and birth.chain not in LOCAL_CHAINS:
        said = f"{birth.speed:g} times as fast as wall time, on chain {birth.chain}"
        found.fault(kinds.CLOCK, f"the log says that chain time runs {said}", 0)


def judge_halts(
    halts: Iterable[tuple[HaltedAt, int]], deeds: Mapping[str, Sequence[int]], found: Findings
) -> None:
    """While a halt stands on the chain, nothing is decided or asked once it must have been heard.

    Each halt comes with the first block by which it must have been; `deeds` are the blocks at
    which what it forbids was done.
    """
    ordered = {what: sorted(blocks) for what, blocks in deeds.items()}
    for halt, heard in halts:
        for what, blocks in ordered.items():
            at = bisect_left(blocks, heard)
            if at < len(blocks) and (halt.lifted is None or blocks[at] < halt.lifted):
                said = f"halted in block {halt.block}, and still {what} in block {blocks[at]}"
                found.fault(kinds.HALT, said)


def judge_reason(
    reason: str, age_s: int, birth: Birth, *, halted: bool, told: bool, found: Findings
) -> None:
    """No death may pass for something else: `age_s` is how old it became, in chain seconds.

    `halted` is whether the chain knows of who stopped it, `told` whether its own log does.
    """
    if reason == "horizon" and age_s < birth.horizon_s:
        said = f"said to have reached its horizon of {birth.horizon_s} s at an age of {age_s} s"
        found.fault(kinds.ENDING, said)
    if reason == "halted" and not halted:
        if told:
            said = "halted by its own word: the chain knows of no halt that stood at the end"
            found.note(kinds.TRUST, said)
        else:
            found.fault(kinds.ENDING, "said to have been halted, and no halt stood at the end")


class LeaseTold(NamedTuple):
    """What a record says of a lease; when its block was made, and one that a reorg may leave."""

    at: LeaseAt
    time: int
    latest: int


def judge_leases(
    told: Iterable[LeaseTold], facts: Sequence[LeaseFact], wallet: str, found: Findings
) -> None:
    """What records say of leases must be what the market holds."""
    known, named = {fact.lease: fact for fact in facts}, set[int]()
    for each in told:
        at = each.at
        named.add(at.said.lease)
        if why := _untrue(each, known.get(at.said.lease), wallet):
            found.fault(kinds.LEASE, f"lease {at.said.lease}: {why}", at.seq)
    for fact in facts:
        if fact.lease not in named and fact.tenant == wallet and fact.activated_at:
            said = f"lease {fact.lease}, active from {fact.activated_at}, is told by no record"
            found.note(kinds.LEASE, said)


def _untrue(told: LeaseTold, fact: LeaseFact | None, wallet: str) -> str | None:
    said = told.at.said
    if fact is None or fact.tenant != wallet:
        return "the market knows no such lease of this wallet"
    if said.state == GONE:
        known = 0 < fact.closed_at <= told.latest
        return None if known else "said to be gone, and was not closed"
    return _misquoted(said, fact) or _misplaced(said.state, told, fact)


def _misquoted(said: Leased, fact: LeaseFact) -> str | None:
    for name in ("offer", "provider", "rate"):
        if getattr(said, name) != getattr(fact, name):
            return f"its {name} is {getattr(fact, name)}, the record says {getattr(said, name)}"
    return None


def _misplaced(state: str, told: LeaseTold, fact: LeaseFact) -> str | None:
    if told.latest < fact.opened_at:
        return f"opened at {fact.opened_at}, told of at {told.time}"
    if state in _HOUSED and not 0 < fact.activated_at <= told.latest:
        return f"said to be {state} at {told.time}, before it was"
    if state in _HOUSED and 0 < fact.closed_at < told.time:
        return f"said to be {state} at {told.time}, closed at {fact.closed_at}"
    return None


def judge_blocks(
    sample: Sequence[Seen],
    blocks: Sequence[tuple[str, int] | None],
    birth: Birth,
    found: Findings,
) -> None:
    """Records must have been read at blocks that the chain has: some may have been reorganised.

    None may have been written long before its block was made, by a clock that is right.
    """
    pairs = list(zip(sample, blocks, strict=True))
    other = [seen for seen, known in pairs if known is None or seen.hash != known[0]]
    if other:
        counts = f"{len(other)} of {len(sample)}"
        said = f"{counts} records looked up were read at blocks not on the chain"
        fault = 2 * len(other) > len(sample)
        (found.fault if fault else found.note)(kinds.BLOCK, said, other[0].seq)
    if birth.speed != 1:
        return  # a developer's chain, whose time is its own
    for seen, known in pairs:
        if known is not None and seen.at / 1000 < known[1] - SKEW_S:
            said = f"written {known[1] - seen.at / 1000:.0f} s before the block that it was read at"
            found.fault(kinds.CLOCK, said, seen.seq)
