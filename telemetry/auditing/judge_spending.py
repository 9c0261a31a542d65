"""Judges the wallet: every nonce and every transfer out must be one that a record names. Pure."""

from __future__ import annotations

from eth_abi.abi import encode

from chain.calldata import selector
from chain.contracts import BIRTH, END
from telemetry.auditing import findings as kinds
from telemetry.auditing.facts import Account, Mined, Movement, Registered
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_chain import goes_on
from telemetry.auditing.told import CAUSES, Named, Told


def judge_nonces(
    told: Told, life: Registered, registry: str, account: Account, found: Findings
) -> None:
    """Match every transaction of the wallet with the record that names it."""
    for nonce in range(account.nonce):
        mined, named = account.mined.get(nonce), told.named.get(nonce)
        if mined is None:
            where = account.searched or "no block"
            found.fault(kinds.UNSEEN, f"nonce {nonce} is used up, not found in blocks {where}")
        elif named is None:
            ahead = goes_on(told, life, account) and nonce > max(told.named, default=-1)
            _unnamed(told, mined, ahead, found)
        elif why := _call_fault(told, life, registry, named, mined):
            found.fault(kinds.CALL, f"{named.intent}, nonce {nonce}: {why}", named.seq)
        elif named.intent == "birth" and named.hash != mined.hash:
            said = f"born by {mined.hash}, the record names another attempt, {named.hash}"
            found.note(kinds.CALL, said, named.seq)
        if mined is not None:
            _settlement(told, mined, found)
    for nonce in sorted(nonce for nonce in told.named if nonce >= account.nonce):
        named = told.named[nonce]
        found.note(kinds.UNMINED, f"{named.intent}, nonce {nonce}: no block holds it", named.seq)
        if nonce in told.settled:
            said = f"nonce {nonce} is said to be settled, the wallet has sent {account.nonce}"
            found.fault(kinds.SETTLEMENT, said, told.settled[nonce].seq)


def _unnamed(told: Told, mined: Mined, ahead: bool, found: Findings) -> None:
    """What a living agent did after its last published record may be named by the next."""
    said = f"nonce {mined.nonce}, block {mined.block}: {mined.hash} to {mined.to}"
    if ahead and mined.block > told.last_block:
        found.note(kinds.AHEAD, said)
    else:
        found.fault(kinds.UNNAMED, f"no record names {said}, {mined.value} wei")


def _call_fault(
    told: Told, life: Registered, registry: str, named: Named, mined: Mined
) -> str | None:
    if named.call is not None:
        return _difference(named, mined)
    if named.intent == "birth":
        return _birth_fault(registry, mined)
    if named.intent == "end":
        return _end_fault(told, registry, mined)
    if mined.to != life.operator or mined.data:
        return f"the last wei go to {mined.to}, not plainly to the operator"
    return None


def _difference(named: Named, mined: Mined) -> str | None:
    call = named.call
    assert call is not None  # noqa: S101 - _call_fault's branch
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


def _end_fault(told: Told, registry: str, mined: Mined) -> str | None:
    """The ending names its transaction before it is made; the log says what it must hold."""
    if told.ending is None or not told.marks or told.agent is None:
        return "no ending to compare it with"
    final = told.marks[max(told.marks)]
    args = (told.agent, CAUSES[told.ending.reason], final.epoch, final.size)
    types = ("uint256", "uint8", "uint64", "uint64", "bytes32", "bytes32")
    data = selector(END) + encode(types, (*args, final.root, final.digest))
    if mined.to != registry or mined.data != data or mined.value:
        return "is not the end of this log in the registry"
    return None


def _settlement(told: Told, mined: Mined, found: Findings) -> None:
    settled = told.settled.get(mined.nonce)
    if settled is None:
        return
    pairs = (
        ("hash", settled.hash, mined.hash),
        ("status", settled.ok, mined.ok),
        ("gas", settled.gas_used, mined.gas_used),
        ("block", (settled.block, settled.block_hash), (mined.block, mined.block_hash)),
    )
    for name, said, known in pairs:
        if said != known:
            said_so = f"{settled.intent}: {name} was {known}, the record says {said}"
            found.fault(kinds.SETTLEMENT, said_so, settled.seq)
    if settled.fee not in mined.fees:
        said_so = f"{settled.intent}: fee was {min(mined.fees)}, the record says {settled.fee}"
        found.fault(kinds.SETTLEMENT, said_so, settled.seq)


def judge_transfers(told: Told, life: Registered, account: Account, found: Findings) -> None:
    """Tokens may leave only in a named transaction, or by an authorization that a record names.

    Anyone can make a token that says whatever it likes of the wallet, so only those count that the
    log itself deals with.
    """
    calls = [each.call for each in (*told.named.values(), *told.authorized) if each.call]
    spent = {call.authorization for call in calls if call.authorization}
    known = told.tokens | {call.to for call in calls} | {call.token for call in calls}
    more = goes_on(told, life, account)
    own = {mined.hash: mined for mined in account.mined.values()}
    for out in account.out:
        allowed = account.authorizations.get(out.tx, frozenset())
        if out.tx in own or (allowed and allowed <= spent):
            continue  # the wallet's own transactions are judged by nonce
        said = f"{out.value} of {out.token} to {out.other}, block {out.block}, in {out.tx}"
        if out.value == 0 or out.token not in known:
            found.note(kinds.SPAM, said)
        elif more and out.block > told.last_block:
            found.note(kinds.AHEAD, said)
        else:
            found.fault(kinds.TRANSFER, f"no record names {said}")
    _inflows(told, account, set(own), found)


def _inflows(told: Told, account: Account, own: set[str], found: Findings) -> None:
    """What came outside the wallet's own transactions and brought in by no one it asked."""
    unasked: dict[str, list[Movement]] = {}
    for gain in account.into:
        if gain.tx not in own:
            unasked.setdefault(gain.token, []).append(gain)
    for token, gains in unasked.items():
        named = sum(gain.tx in told.funded for gain in gains)
        total = sum(gain.value for gain in gains)
        said = (
            f"{total} of {token} came unasked in {len(gains)} transfers, {named} of them recorded"
        )
        found.note(kinds.INFLOW, said)
