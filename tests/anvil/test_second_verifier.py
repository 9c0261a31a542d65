"""Lives told beside a real chain: what two verifiers say of their logs, and what the chain adds.

`examples/verify.mjs` asks no chain: it must find nothing in a log that is whole, and what only the
chain contradicts, only the audit catches.
"""

from __future__ import annotations

import anvil.test_audit as told_life
import pytest
from forging import Forgery
from lives import MARKET, OPERATOR, TOP_UP, word
from second import Second

from chain.calldata import Filling, calldata
from chain.permit import Domain
from chain.purse import Purse
from chain.types import Call, Pull, Wei
from telemetry.anchor import end_call
from telemetry.auditing.audit import audit

pytestmark = pytest.mark.anvil

ACTS = (-9.0, 9.0, 9.0)  # logits with which nobody holds
END = "end(uint256,uint8,uint64,uint64,bytes32,bytes32)"
NOTHING = "0x" + "00" * 32


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    found = Second(tmp_path_factory.mktemp("second"))
    yield found
    found.close()


async def judged(second, folder, **where):
    """The kinds of the faults: what the audit finds with the chain, and what the other without."""
    ours = await audit(str(folder), **where)
    theirs = second.verify(folder)
    faults = {finding.kind for finding in ours.findings if finding.level == "fault"}
    return faults, {finding["kind"] for finding in theirs["findings"]}


UNENDED = {"ending"}
"""What is said of a log without an end by who cannot know that the life goes on."""


def said(seq, **changes):
    return lambda log: log.say(seq, **changes)


async def lived(client, devnet):
    """The life of `tests/anvil/test_audit.py`, up to its last records."""
    told = await told_life.born(client, devnet)
    await told_life.live(told)
    return told


async def ended(told, cause="horizon"):
    teller, home = told.teller, told.operator.address
    because = teller.say("heartbeat", {"ending": cause, "cause": "its time was up"})
    everything = Call(told.token, "transfer(address,uint256)", (home, 999_005))
    await told.act("sweep.token", because, "end", everything)
    teller.end(told.nonce, cause)
    head = teller.seal().head
    await told.silently(end_call(told.registry, cause, head, teller.prev))
    await told.silently(Call(home, "", value=Wei(10**15)))
    return told


def settlement(log):
    return log.records[log.kind("effect", stage="settled", intent="1.0")]["body"]


def sending(log):
    return log.records[log.kind("effect", stage="sent", intent="1.0")]["body"]


def blocks_that_never_were(log):
    for record in log.records:
        record["block"] = record["block"] | {"hash": word("nowhere")}


def a_block_to_come(log):
    log.records[-1]["block"] = log.records[-1]["block"] | {"number": 10**9}


def a_step_left_out(log):
    """Neither the act nor its settlement were told."""
    seq = log.kind("effect", stage="sent", intent="1.0")
    del log.epochs[0][seq : seq + 2]


def the_last_epoch_held_back(log):
    log.epochs.pop()


def other_intents(log):
    first, second = log.records[-1]["body"]["intents"]
    log.say(len(log.records) - 1, intents=[first | {"nonce": 9}, second])


BY_BOTH = {
    "another registry": (said(0, registry=MARKET), "identity", "signature"),
    "another anchored checkpoint": (said(1, latency_ms=13), "anchor", "anchor"),
    "the last epoch held back": (the_last_epoch_held_back, "missing", "ending"),
    "a step left out": (a_step_left_out, "unnamed", "intent"),
}
"""What the audit calls it that holds the log against its chain, and the other that does not."""

ONLY_WITH_THE_CHAIN = {
    "another wallet": (said(0, wallet=MARKET), "identity"),
    "another operator": (said(0, operator=MARKET), "identity"),
    "another seed": (said(0, seed=word("seed")), "identity"),
    "another parent": (said(0, parents=[1]), "identity"),
    "another nonce in the end": (other_intents, "unnamed"),
    "another argument": (lambda log: sending(log)["call"].update(args=[1, 2, 3, 4]), "call"),
    "another function": (lambda log: sending(log)["call"].update(function=TOP_UP), "call"),
    "another contract": (lambda log: sending(log)["call"].update(to=OPERATOR.address), "call"),
    "another value": (lambda log: sending(log)["call"].update(value="1"), "call"),
    "another deadline": (lambda log: sending(log)["pull"].update(valid_before=5), "call"),
    "another fee": (lambda log: settlement(log).update(fee="1"), "settlement"),
    "more gas": (lambda log: settlement(log).update(gas_used=1), "settlement"),
    "another status": (lambda log: settlement(log).update(ok=False), "settlement"),
    "another hash": (lambda log: settlement(log).update(hash=word("x")), "settlement"),
    "another block": (
        lambda log: settlement(log)["block"].update(hash=word("x")),
        "settlement",
    ),
    "another ending": (lambda log: log.say(len(log.records) - 1, reason="died"), "ending"),
    "a horizon before its time": (said(0, horizon_s=10**9), "ending"),
    "blocks that never were": (blocks_that_never_were, "block"),
    "a block to come": (a_block_to_come, "clock"),
}
"""What `examples/verify.mjs` cannot know, as it asks no chain."""


async def test_a_whole_life_passes_both_and_the_chain_contradicts_what_is_told_otherwise(
    client,
    devnet,
    second,
    tmp_path,
):
    told = await ended(await lived(client, devnet))
    where = {"rpc": devnet.url, "registry": told.registry}
    honest = told.teller.write(tmp_path / "honest")
    assert await judged(second, honest, **where) == (set(), set())

    async def verdicts(name, tell):
        forged = Forgery.of(told.teller)
        tell(forged)
        return await judged(second, forged.write(tmp_path / name), **where)

    for name, (tell, called, seen_as) in BY_BOTH.items():
        ours, theirs = await verdicts(name, tell)
        assert called in ours, name
        assert seen_as in theirs, name
    for name, (tell, called) in ONLY_WITH_THE_CHAIN.items():
        ours, theirs = await verdicts(name, tell)
        assert called in ours, name
        changed_epoch = {"anchor"}  # which a record anchors by a digest that it no longer has
        assert theirs <= changed_epoch, f"{name} belongs to those that both catch"

    await told.silently(Call(told.operator.address, "", value=Wei(1)))
    assert await judged(second, honest, **where) == ({"unnamed"}, set())


async def stranger(told, devnet, call, intent):
    """Brings an authorization of the wallet's to the chain, as anyone may."""
    domain = Domain(told.teller.chain, told.token, "Test Dollar")
    data = calldata(call, Filling(told.wallet.address, intent), domain, told.wallet.sign)
    request = {"from": devnet.keys[2].address, "to": call.to, "data": "0x" + data.hex()}
    sent = await told.client.rpc("eth_sendTransaction", request | {"gas": hex(900_000)})
    assert (await told_life.mined(told.client, sent)).ok


async def test_tokens_leave_by_authorizations_that_are_named_and_no_others(
    client,
    devnet,
    second,
    tmp_path,
):
    told = await lived(client, devnet)
    where = {"rpc": devnet.url, "registry": told.registry}
    args = ("$wallet", 9, 0, told_life.FAR, 3, "$salt")
    call = Call(told.board, told_life.POST, args, pull=Pull(told.token, 9, told_life.FAR))
    decided = told.teller.decide(ACTS)
    told.teller.send(f"{decided}.0", decided, "act", nonce=told.nonce, call=call)
    told.teller.seal()
    await stranger(told, devnet, call, f"{decided}.0")
    named = told.teller.write(tmp_path / "named")
    assert await judged(second, named, **where) == (set(), UNENDED)

    await stranger(told, devnet, call, "a theft")
    assert await judged(second, named, **where) == (set(), UNENDED), "not told yet"
    head = await client.head()
    told.teller.at_block, told.teller.at_hash = head.block.number, head.block.hash
    told.teller.beat()
    told.teller.seal()
    later = told.teller.write(tmp_path / "later")
    assert await judged(second, later, **where) == ({"transfer"}, UNENDED)


async def passed(client, told, seconds):
    """So much time goes by, and the life looks up."""
    await client.rpc("evm_increaseTime", seconds)
    await client.rpc("evm_mine")
    head = await client.head()
    told.teller.at_block, told.teller.at_hash = head.block.number, head.block.hash


async def test_a_halt_is_heard_and_a_silence_is_the_end(
    client,
    devnet,
    second,
    tmp_path,
):
    told = await lived(client, devnet)
    where = {"rpc": devnet.url, "registry": told.registry}

    async def found(name):
        if told.teller.open:
            told.teller.seal()
        return await judged(second, told.teller.write(tmp_path / name), **where)

    operator = Purse(client, told.operator)
    await operator.send(Call(told.registry, "halt(uint256)", (1,)))
    await passed(client, told, 10)
    told.teller.decide()
    assert await found("at once") == (set(), UNENDED)
    await passed(client, told, 400)
    told.teller.decide()
    assert await found("halted") == ({"halt"}, UNENDED)
    await operator.send(Call(told.registry, "resume(uint256)", (1,)))
    await passed(client, told, 3500)
    assert await found("resumed") == ({"halt"}, UNENDED)
    await passed(client, told, 200)
    assert await found("lost") == ({"halt", "ending"}, UNENDED)


async def test_what_an_honest_life_meets_is_no_fault(
    client,
    devnet,
    second,
    tmp_path,
):
    told = await lived(client, devnet)
    where = {"rpc": devnet.url, "registry": told.registry}
    teller = told.teller

    async def sent(intent, because, call, tx=""):
        attempt = await told.sign(call, intent)
        nonce = told.nonce
        teller.send(intent, because, "act", nonce=nonce, call=call, tx=tx or attempt.hash)
        await client.rpc("eth_sendRawTransaction", attempt.raw)
        receipt = await told_life.mined(client, attempt.hash)
        told.nonce += 1
        teller.settle(intent, nonce, receipt)
        return receipt.ok

    async def found(name):
        teller.seal()
        return await judged(second, teller.write(tmp_path / name), **where)

    decided = teller.decide(ACTS)
    assert await sent(
        f"{decided}.0", decided, Call(OPERATOR.address, "", value=Wei(1)), word("first")
    )
    assert await found("a fee bump") == (set(), UNENDED)
    decided = teller.decide(ACTS)
    too_much = Call(told.token, "transfer(address,uint256)", (MARKET, 10**12))
    assert not await sent(f"{decided}.0", decided, too_much)
    assert await found("a failure") == (set(), UNENDED)
    decided = teller.decide(ACTS)
    args = ("$wallet", 9, 0, told_life.FAR, 3, "$salt")
    call = Call(told.board, told_life.POST, args, pull=Pull(told.token, 9, told_life.FAR))
    await stranger(told, devnet, call, f"{decided}.0")
    assert not await sent(f"{decided}.0", decided, call)
    assert await found("an authorization that others brought") == (set(), UNENDED)
    lost = Call(told.registry, END, (1, 4, 0, 0, NOTHING, NOTHING))
    await Purse(client, told.operator).send(lost)
    whole = tmp_path / "an authorization that others brought"
    assert await judged(second, whole, **where) == ({"ending"}, UNENDED)
    teller.end(told.nonce, "halted")
    assert await found("ended by the operator") == (set(), set())
