"""Judges the log against the registry: who was born, what was anchored, how it ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import LAG
from telemetry.auditing.facts import Account, Ended, Registered
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_log import LogJudge
from telemetry.auditing.said import CAUSES, LONGEST_HIBERNATION_S, Birth, Ending, Mark
from telemetry.auditing.shelf import Shelf

REASONS: Final = {number: reason for reason, number in CAUSES.items()}


def judge_identity(
    birth: Birth, life: Registered, chain_id: int, registry: str, found: Findings
) -> None:
    """Record 0 must say who the registry says was born."""
    pairs: Iterator[tuple[str, object, object]] = iter(
        (
            ("chain", birth.chain, chain_id),
            ("registry", birth.registry, registry),
            ("wallet", birth.wallet, life.wallet),
            ("operator", birth.operator, life.operator),
            ("log key", birth.log_key, life.log_key),
            ("genome", birth.genome, life.genome),
            ("seed", birth.seed, life.seed),
            ("parents", birth.parents, life.parents),
        )
    )
    for name, said, known in pairs:
        if said != known:
            found.fault(kinds.IDENTITY, f"{name}: the log says {said}, the chain {known}", 0)
    if life.wallet == life.operator:
        found.fault(kinds.IDENTITY, "the wallet is its own operator: nobody else can halt it", 0)


def judge_time(log: LogJudge, account: Account, found: Findings) -> None:
    """No record can have been read at a block that is not there yet; nodes differ by a few."""
    if log.last_block > account.head + LAG:
        said = f"a record was read at block {log.last_block}, the chain has {account.head}"
        found.fault(kinds.CLOCK, said)


def judge_anchors(
    log: LogJudge, shelf: Shelf, life: Registered, account: Account, found: Findings
) -> None:
    """Every anchored checkpoint must be the log's; so must the one that the registry keeps."""
    for anchored in account.anchors:
        later = anchored.block > account.seen_from
        _judge_mark(shelf, anchored.mark, found, later=later)
        if shelf.marked_at(anchored.mark.epoch) > anchored.block + LAG:
            said = f"epoch {anchored.mark.epoch} was anchored in block {anchored.block}"
            found.fault(kinds.CLOCK, f"{said}, before blocks that its records were read at")
    if life.last and all(life.last != anchored.mark for anchored in account.anchors):
        _judge_mark(shelf, life.last, found, later=False)
    size = max((each.mark.size for each in account.anchors), default=0)
    if log.records > size:
        said = f"{log.records - size} records after the last anchor, which covers {size}"
        found.note(kinds.UNANCHORED, said)


def _judge_mark(shelf: Shelf, mark: Mark, found: Findings, *, later: bool) -> None:
    """`later` anchors came while the log was being read: it may not have held them yet."""
    own = shelf.marked(mark.epoch)
    if own is None and later:
        found.note(kinds.AHEAD, f"epoch {mark.epoch} was anchored while the log was read")
    elif own is None:
        found.fault(kinds.MISSING, f"epoch {mark.epoch} is anchored and is not there")
    elif own != mark:
        found.fault(kinds.ANCHOR, f"epoch {mark.epoch}: {_difference(own, mark)}")


def _difference(own: Mark, other: Mark) -> str:
    for name in ("size", "root", "digest"):
        said, known = getattr(own, name), getattr(other, name)
        if said != known:
            shown = [each.hex() if isinstance(each, bytes) else each for each in (said, known)]
            return f"the log's {name} is {shown[0]}, the anchored one {shown[1]}"
    return "the epochs differ"


def goes_on(log: LogJudge, life: Registered, account: Account) -> bool:
    """Whether more of the log may come: no ending anywhere, and not silent for too long.

    Who is halted may be silent for as long as the halt stands.
    """
    over = log.story.ending is not None or life.ended
    return not over and (life.halted or is_fresh(log, account))


def is_fresh(log: LogJudge, account: Account) -> bool:
    """Whether what the log does not tell yet may simply not have been published."""
    birth = log.story.birth
    return account.silent_s <= (birth.hibernate_s if birth else LONGEST_HIBERNATION_S)


def has_ended_meanwhile(account: Account) -> bool:
    """Whether the chain's end came while the log was being read."""
    return account.ended is not None and account.ended.block > account.seen_from


def judge_ending(log: LogJudge, life: Registered, account: Account, found: Findings) -> None:
    """The log's ending and the chain's must be one; a life without either goes on, or is lost."""
    ending = log.story.ending
    if goes_on(log, life, account):
        found.note(kinds.ALIVE, "the life goes on; its log has no ending yet")
    elif ending is None and not life.ended:
        hours = account.silent_s // 3600
        found.fault(kinds.ENDING, f"no ending, and no record in the last {hours} chain hours")
    elif ending is None:
        cause = REASONS.get(life.cause, str(life.cause))
        said = f"the life ended ({cause}) and its log has no ending"
        later = has_ended_meanwhile(account)
        (found.note if later else found.fault)(kinds.AHEAD if later else kinds.ENDING, said)
    elif not life.ended or account.ended is None:
        said = "the log has ended, the chain knows of no end"
        if not life.ended and is_fresh(log, account):
            found.note(kinds.AHEAD, f"{said} yet", ending[0])
        else:
            found.fault(kinds.ENDING, said, ending[0])
    else:
        if by_operator(account.ended, life):
            found.note(kinds.ENDING, "ended on the chain by its operator", ending[0])
        for why in _ending_faults(log, ending[1], life, account.ended):
            found.fault(kinds.ENDING, why, ending[0])


def by_operator(ended: Ended | None, life: Registered) -> bool:
    """Whether it was the operator who ended this life on the chain: he may, at any time."""
    return ended is not None and ended.by == life.operator


def _ending_faults(log: LogJudge, ending: Ending, life: Registered, ended: Ended) -> Iterator[str]:
    if by_operator(ended, life):
        return
    if CAUSES[ending.reason] != ended.cause:
        chain = REASONS.get(ended.cause, ended.cause)
        yield f"the log says {ending.reason}, the chain {chain}"
    if ended.mark is None:
        yield "the end on chain anchors no checkpoint"
    elif log.head != ended.mark:
        yield f"the end on chain anchors epoch {ended.mark.epoch}, not the log's last checkpoint"
    if ended.by != life.wallet:
        yield f"ended by {ended.by}, not by the wallet"
