"""Judges the wallet: every nonce and every transfer out must be one that a record names.

Takes what the chain shows piece by piece, in its order, and remembers only what it must.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from eth_abi.abi import encode

from chain.calldata import selector
from chain.contracts import BIRTH, END
from telemetry.auditing import findings as kinds
from telemetry.auditing.calls import Callprint, Pulled, Told, callprint
from telemetry.auditing.epoch import LAG
from telemetry.auditing.facts import Account, Mined, Movement, Nonce, Registered, Spending
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_chain import goes_on, has_ended_meanwhile, is_fresh
from telemetry.auditing.judge_log import LogJudge
from telemetry.auditing.said import CAUSES
from telemetry.auditing.shelf import Named, Shelf
from telemetry.auditing.takings import Takings
from telemetry.errors import BadRecord

MOST_TOKENS: Final = 100
"""Anyone can make tokens: beyond so many, gifts of them are counted together."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that the wallet is judged by."""

    log: LogJudge
    shelf: Shelf
    life: Registered
    account: Account
    registry: str
    found: Findings
    untold: array[int] = field(default_factory=lambda: array("Q"))
    """The blocks of transactions that no record names."""

    @property
    def open(self) -> bool:
        """Whether records that name what was done may still be on their way."""
        on_its_way = self.log.story.ending is None and has_ended_meanwhile(self.account)
        living = on_its_way or goes_on(self.log, self.life, self.account)
        return living and is_fresh(self.log, self.account)


async def judge_nonces(case: Case, nonces: AsyncIterator[Nonce]) -> None:
    """Match every transaction of the wallet with the record that names it."""
    last = case.shelf.last_nonce
    async for at in nonces:
        if at.mined is None:
            where = at.searched or "none"
            said = f"nonce {at.nonce} is used up, not found in blocks {where}"
            case.found.fault(kinds.UNSEEN, said)
            continue
        case.shelf.own(at.mined.hash)
        named = case.shelf.named(at.nonce)
        if named is None:
            case.untold.append(at.mined.block)
            _unnamed(case, at.mined, ahead=case.open and at.nonce > last)
        else:
            _judge_call(case, named, at.mined)
            _judge_order(case, named, at.mined)
        _settlement(case, at.mined)
    _unmined(case)


def _unmined(case: Case) -> None:
    for named in case.shelf.all_named(case.account.nonce):
        said = f"{named.intent}, nonce {named.nonce}: no block holds it"
        case.found.note(kinds.UNMINED, said, named.seq)
        if settled := case.shelf.settled(named.nonce):
            sent = case.account.nonce
            said = f"nonce {named.nonce} is said to be settled, the wallet has sent {sent}"
            case.found.fault(kinds.SETTLEMENT, said, settled.seq)


def _unnamed(case: Case, mined: Mined, *, ahead: bool) -> None:
    """What a living agent did after its last published record may be named by the next."""
    said = f"nonce {mined.nonce}, block {mined.block}: {mined.hash} to {mined.to}"
    if ahead and mined.block > case.log.last_block:
        case.found.note(kinds.AHEAD, said)
    else:
        case.found.fault(kinds.UNNAMED, f"no record names {said}, {mined.value} wei")


def _judge_call(case: Case, named: Named, mined: Mined) -> None:
    if why := _call_fault(case, named, mined):
        said = f"{named.intent}, nonce {named.nonce}: {why}"
        case.found.fault(kinds.CALL, said, named.seq)
    elif named.intent == "birth" and named.hash != mined.hash:
        said = f"born by {mined.hash}, the record names another attempt, {named.hash}"
        case.found.note(kinds.CALL, said, named.seq)


def _judge_order(case: Case, named: Named, mined: Mined) -> None:
    """It is written down before it is sent: not at a block that came long after."""
    if named.block > mined.block + LAG:
        said = f"{named.intent}: in block {mined.block}, written down at block {named.block}"
        case.found.fault(kinds.CLOCK, said, named.seq)


def _call_fault(case: Case, named: Named, mined: Mined) -> str | None:
    if named.told is not None:
        return _told_fault(case, named, mined)
    if named.intent == "birth":
        return _birth_fault(case.registry, mined)
    if named.intent == "end":
        return _end_fault(case, mined)
    if mined.to != case.life.operator or mined.data:
        return f"the last wei go to {mined.to}, not plainly to the operator"
    return None


def _told_fault(case: Case, named: Named, mined: Mined) -> str | None:
    assert named.told is not None  # noqa: S101 - _call_fault's branch
    try:
        call = callprint(Told.load(named.told), named.intent, case.life.wallet)
    except BadRecord as error:
        return f"no transaction can be what its record says: {error}"
    if why := _difference(call, mined):
        return why
    if call.pulled:
        case.shelf.allow(call.pulled)
    return None


def _difference(call: Callprint, mined: Mined) -> str | None:
    if mined.to != call.to:
        return f"goes to {mined.to}, the record says {call.to}"
    if mined.value != call.value:
        return f"carries {mined.value} wei, the record says {call.value}"
    if call.function and mined.data[:4] != selector(call.function):
        return f"calls 0x{mined.data[:4].hex()}, the record says {call.function}"
    if not call.matches(mined.data):
        return f"calls {call.function or 'nothing'} with other arguments than the record says"
    return None


def _birth_fault(registry: str, mined: Mined) -> str | None:
    if mined.to != registry or mined.data[:4] != selector(BIRTH) or not mined.ok:
        return f"{mined.hash} is no birth in the registry"
    return None


def _end_fault(case: Case, mined: Mined) -> str | None:
    """The ending names its transaction before it is made; the log says what it must hold."""
    ending, final, agent = case.log.story.ending, case.log.head, case.log.story.birth
    if ending is None or final is None or agent is None:
        return "no ending to compare it with"
    args = (agent.agent, CAUSES[ending[1].reason], final.epoch, final.size)
    types = ("uint256", "uint8", "uint64", "uint64", "bytes32", "bytes32")
    data = selector(END) + encode(types, (*args, final.root, final.digest))
    if mined.to != case.registry or mined.data != data or mined.value:
        return "is not the end of this log in the registry"
    return None


def _settlement(case: Case, mined: Mined) -> None:
    at = case.shelf.settled(mined.nonce)
    if at is None:
        return
    settled = at.said
    pairs = (
        ("hash", settled.hash, mined.hash),
        ("status", settled.ok, mined.ok),
        ("gas", settled.gas_used, mined.gas_used),
        ("block", (settled.block, settled.block_hash), (mined.block, mined.block_hash)),
    )
    for name, said, known in pairs:
        if said != known:
            said_so = f"{settled.intent}: {name} was {known}, the record says {said}"
            case.found.fault(kinds.SETTLEMENT, said_so, at.seq)
    if settled.fee not in mined.fees:
        said_so = f"{settled.intent}: fee was {min(mined.fees)}, the record says {settled.fee}"
        case.found.fault(kinds.SETTLEMENT, said_so, at.seq)


async def judge_spendings(case: Case, spendings: AsyncIterator[Spending]) -> None:
    """Tokens may leave only in a named transaction, or by an authorization that a record names.

    Anyone can make a token that says whatever it likes of the wallet, so only those count that the
    log itself deals with. Call it after `judge_nonces`, which learns whose each transaction is.
    """
    for owed in case.shelf.all_owed():
        try:
            call = callprint(Told.load(owed.told), owed.intent, case.life.wallet)
        except BadRecord as error:
            case.found.fault(kinds.CALL, f"{owed.intent}: {error}", owed.seq)
        else:
            if call.pulled:
                case.shelf.allow(call.pulled)
    async for spending in spendings:
        allowed = [
            pulled
            for token, nonce in sorted(spending.authorizations)
            if (pulled := case.shelf.use(token, nonce))
        ]
        others = [out for out in spending.out if not _pays(out, allowed)]
        unpaid = {pulled.token for pulled in allowed}
        own = case.shelf.is_own(spending.tx)
        for out in others:
            if not own or out.token in unpaid:  # else the chain says what a named call does besides
                _untold(case, out)


def _pays(out: Movement, allowed: list[Pulled]) -> bool:
    """Whether this is what one of them allows, which it is then no longer."""
    for pulled in allowed:
        if (out.token, out.other, out.value) == (pulled.token, pulled.payee, pulled.value):
            allowed.remove(pulled)
            return True
    return False


def _untold(case: Case, out: Movement) -> None:
    said = f"{out.value} of {out.token} to {out.other}, block {out.block}, in {out.tx}"
    if out.value == 0 or not case.shelf.deals_in(out.token):
        case.found.note(kinds.SPAM, said)
    elif case.open and out.block > case.log.last_block:
        case.found.note(kinds.AHEAD, said)
    else:
        case.found.fault(kinds.TRANSFER, f"no record names {said}")


async def judge_gains(case: Case, gains: AsyncIterator[Movement]) -> None:
    """What came outside the wallet's own transactions, and paid for nothing that it sold."""
    unasked: dict[str, list[int]] = {}
    takings = Takings(case.shelf)
    async for gain in gains:
        if case.shelf.is_own(gain.tx) or takings.take(gain):
            continue
        kept = gain.token in unasked or len(unasked) < MOST_TOKENS
        sums = unasked.setdefault(gain.token if kept else "other tokens", [0, 0, 0])
        sums[0] += gain.value
        sums[1] += 1
        sums[2] += case.shelf.is_funded(gain.tx)
    for token, (total, count, named) in unasked.items():
        said = f"{total} of {token} came unasked in {count} transfers, {named} of them recorded"
        case.found.note(kinds.INFLOW, said)
