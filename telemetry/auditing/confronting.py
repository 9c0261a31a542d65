"""Confronts a log with its chain: who was born, what was anchored, spent, rented and halted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from chain.errors import Reverted
from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import LAG
from telemetry.auditing.facts import LeaseFact, Witness
from telemetry.auditing.judge_chain import (
    by_operator,
    judge_anchors,
    judge_ending,
    judge_identity,
    judge_time,
)
from telemetry.auditing.judge_conduct import (
    NETWORK,
    LeaseTold,
    judge_blocks,
    judge_halts,
    judge_leases,
    judge_reason,
    judge_speed,
    patience,
)
from telemetry.auditing.judge_sales import judge_sales
from telemetry.auditing.judge_spending import Case, judge_gains, judge_nonces, judge_spendings
from telemetry.auditing.shelf import Shelf


async def confront(witness: Witness, case: Case) -> tuple[LeaseFact, ...]:
    """Everything that the chain can confirm or deny; gives the wallet's leases."""
    judge, shelf, life, account, found = case.log, case.shelf, case.life, case.account, case.found
    birth = judge.story.birth
    if birth:
        judge_identity(birth, life, witness.chain_id, witness.registry, found)
    else:
        found.fault(kinds.ORDER, "the log has no birth record", 0)
    judge_time(judge, account, found)
    judge_anchors(judge, shelf, life, account, found)
    await judge_nonces(case, witness.transactions(life.wallet, account.nonce, _named(shelf)))
    await judge_spendings(case, witness.spendings(life, account.head))
    await judge_sales(case, witness)
    await judge_gains(case, witness.gains(life, account.head))
    judge_ending(judge, life, account, found)
    return await _judge_conduct(witness, case) if birth else ()


async def _judge_conduct(witness: Witness, case: Case) -> tuple[LeaseFact, ...]:
    birth, account, life, found = case.log.story.birth, case.account, case.life, case.found
    assert birth is not None  # noqa: S101 - the caller's branch
    judge_speed(birth, found)
    halts = [
        (halt, await witness.block_at(halt.at + patience(birth), account.head))
        for halt in account.halts
    ]
    deeds = {"deciding": case.log.decided, "asking to act": case.log.story.asked}
    judge_halts(halts, deeds | {"acting untold": case.untold}, found)
    if ending := case.log.story.ending:
        last = account.ended.block if account.ended else case.log.last_block
        age_s = await witness.time(min(last, account.head)) - life.born_at
        stood = any(halt.lifted is None for halt in account.halts)
        halted = stood or by_operator(account.ended, life)
        told = case.log.story.halted
        judge_reason(ending[1].reason, age_s, birth, halted=halted, told=told, found=found)
    leases = await _leases(witness, case, birth.market)
    judge_leases([each async for each in _told(witness, case)], leases, life.wallet, found)
    sample = [seen for seen in case.log.sample if seen.number <= account.head]
    blocks = [each async for each in witness.blocks([seen.number for seen in sample])]
    judge_blocks(sample, blocks, birth, found)
    return tuple(leases)


async def _told(witness: Witness, case: Case) -> AsyncIterator[LeaseTold]:
    """What records say of the market's leases, each with its time."""
    head = case.account.head
    for at in case.shelf.leases():
        if at.said.network == NETWORK:
            first, last = min(at.block, head), min(at.block + LAG, head)
            yield LeaseTold(at, await witness.time(first), await witness.time(last))


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
