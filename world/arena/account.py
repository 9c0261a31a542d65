"""What came of a life: audited against its chain, and summed from what the chain shows."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from agent.life import Notes
from chain.contracts import Life, life_of
from chain.reader import BlockReader
from telemetry.auditing.audit import Asked, Audited, examining
from telemetry.auditing.takings import Takings
from telemetry.fitness import Span, paid
from telemetry.log import Log
from telemetry.record import Record
from world.lived import Lived

if TYPE_CHECKING:
    from world.arena.ground import Ground
    from world.arena.nest import Born

HOUR_S = 3600


async def account(
    ground: Ground, born: Born, notes: Notes, tables: Path | None, began: float
) -> Lived:
    """The row of results; a life whose log is not sound says so in it."""
    found: list[Lived] = []

    async def look(audited: Audited) -> None:
        found.append(await _row(ground, born, notes, audited, began))

    asked = Asked(
        str(ground.home.cars), notes.agent, rpc=ground.devnet.url, registry=ground.at.registry
    )
    if tables is not None:
        from telemetry.exporting.export import export

        await export([asked], tables, lambda _: None, look=look)
    else:
        async with examining(asked) as audited:
            await look(audited)
    return found[0]


async def _row(ground: Ground, born: Born, notes: Notes, audited: Audited, began: float) -> Lived:
    verdict, birth = audited.verdict, audited.known.birth
    spans = [
        Span(fact.activated_at or fact.settled_until, fact.settled_until, own=False)
        for fact in audited.leases
        if birth is not None and fact.tenant == birth.wallet
    ]
    money = await _money(ground, audited)
    ticks, idle = _ticks(ground, notes)
    read = await BlockReader.latest(ground.devnet.client)
    registered = await life_of(read, ground.at.registry, notes.agent)
    return Lived(
        scenario=ground.scenario.name,
        seed=ground.seed,
        policy=born.policy,
        genome=birth.genome if birth else "",
        agent=notes.agent,
        reason=verdict.outcome or "lost",
        cause=verdict.cause or "",
        paid_h=paid(spans).seconds / HOUR_S,
        age_h=_age_s(registered) / HOUR_S,
        horizon_h=ground.scenario.time.horizon_h,
        ticks=ticks,
        records=verdict.records,
        transactions=audited.account.nonce if audited.account else 0,
        idle_n=idle,
        first_micro=ground.scenario.endowment.micro,
        earned_micro=money["earned"],
        rent_micro=money["rent"],
        gas_micro=money["gas"],
        gifts_micro=money["gifts"],
        other_out_micro=money["other out"],
        other_in_micro=money["other in"],
        audit_ok=verdict.ok,
        faults=sum(finding.level == "fault" for finding in verdict.findings),
        head=verdict.head or "",
        wall_s=round(time.monotonic() - began, 3),
    )


def _age_s(registered: Life | None) -> int:
    return max(0, registered.ended_at - registered.born_at) if registered else 0


async def _money(ground: Ground, audited: Audited) -> Counter[str]:
    """The working token's movements: out less what came back from the same place."""
    sums: Counter[str] = Counter()
    witness, registered, about = audited.witness, audited.life, audited.account
    if witness is None or registered is None or about is None:
        return sums
    at, token = ground.at, ground.at.token.lower()
    kinds = {at.lease_market.lower(): "rent", at.gas_station.lower(): "gas"}
    async for spending in witness.spendings(registered, about.head):
        for out in spending.out:
            if out.token.lower() == token and out.other.lower() != registered.operator.lower():
                sums[kinds.get(out.other.lower(), "other out")] += out.value
    takings = Takings(audited.shelf)
    async for gain in witness.gains(registered, about.head):
        if gain.token.lower() != token:
            continue
        if gain.other.lower() == at.lease_market.lower() and (
            audited.shelf.is_own(gain.tx) or gain.value <= sums["rent"]
        ):
            sums["rent"] -= gain.value  # whoever ended the lease, it was the wallet's own
        elif not audited.shelf.is_own(gain.tx):
            sums["earned" if takings.take(gain) else "gifts"] += gain.value
        else:
            board = gain.other.lower() == at.job_board.lower()
            sums["earned" if board else "other in"] += gain.value
    return sums


def _ticks(ground: Ground, notes: Notes) -> tuple[int, int]:
    """Decisions, and how many of them were to wait."""
    with closing(Log(ground.home.log, notes.agent, lambda: 0)) as log:
        decided = [
            record.body["chosen"]
            for _, data in log.records()
            if (record := Record.decode(data)).kind == "decision"
        ]
    return len(decided), sum(chosen == 0 for chosen in decided)
