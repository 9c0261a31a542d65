"""A small life on a real chain, told by hand: complete it passes, one transaction more and not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from lives import GENOME, LOG_KEY, SEED, Teller

import contracts
from chain import fees
from chain.calldata import Filling, calldata
from chain.contracts import BIRTH, MINT, TRANSFER
from chain.keys import Key
from chain.permit import Birth, Domain, birth_args, sign
from chain.purse import Purse
from chain.signing import sign_transaction
from chain.types import Address, Call, Pull, Receipt, Wei
from telemetry.anchor import anchor_call, end_call
from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import audit

pytestmark = pytest.mark.anvil

POST = "postWithAuthorization(address,uint256,uint64,uint64,uint32,bytes32,uint256,uint256,bytes)"
FAR = 2**40


async def mined(client, transaction):
    """Anvil answers a little before it mines."""
    while (receipt := await client.receipt(transaction)) is None:
        await asyncio.sleep(0.02)
    return receipt


@dataclass
class Told:
    """A wallet whose every step is told before it is taken, unless a test says otherwise."""

    client: object
    wallet: Key
    registry: Address
    token: Address
    board: Address
    operator: Key
    teller: Teller
    nonce: int = 0
    receipts: dict[int, Receipt] = field(default_factory=dict)

    async def sign(self, call, intent=""):
        domain = Domain(self.teller.chain, call.pull.token, "Test Dollar") if call.pull else None
        data = calldata(call, Filling(self.wallet.address, intent), domain, self.wallet.sign)
        head = await self.client.head()
        self.teller.at_block, self.teller.at_hash = head.block.number, head.block.hash
        offer = fees.offer(head.base_fee, Wei(10**12))
        gas = 21_000 if not call.function else 600_000
        return sign_transaction(
            self.wallet, self.teller.chain, self.nonce, offer, gas, call.to, call.value, data
        )

    async def deliver(self, attempt):
        await self.client.rpc("eth_sendRawTransaction", attempt.raw)
        receipt = await mined(self.client, attempt.hash)
        assert receipt.ok
        self.receipts[self.nonce] = receipt
        self.nonce += 1
        return receipt

    async def silently(self, call):
        return await self.deliver(await self.sign(call))

    async def act(self, intent, because, purpose, call):
        attempt = await self.sign(call, intent)
        self.teller.send(intent, because, purpose, nonce=self.nonce, call=call, tx=attempt.hash)
        receipt = await self.deliver(attempt)
        self.teller.settle(intent, self.nonce - 1, receipt)


async def born(client, devnet):
    maker, operator, wallet = Purse(client, devnet.keys[0]), devnet.keys[1], Key(b"\x51" * 32)

    def code(name):
        return contracts.artifact(name)["bytecode"]

    registry = await maker.deploy(code("AgentRegistry"))
    token = await maker.deploy(code("TestDollar"))
    board = await maker.deploy(code("JobBoard"), ("address",), (token,))
    market = await maker.deploy(code("LeaseMarket"), ("address",), (token,))
    await maker.send(Call(wallet.address, "", value=Wei(10**18)))
    await maker.send(Call(token, MINT, (wallet.address, 1_000_000)))
    teller = Teller(
        chain=devnet.chain_id,
        registry=registry,
        wallet=wallet.address,
        operator=operator.address,
        token=token,
        market=market,
        horizon_s=0,
        speed=1.01,  # so that nobody holds its clock against the wall
    )
    told = Told(client, wallet, registry, token, board, operator, teller)
    permit = Birth(
        wallet.address, operator.address, LOG_KEY.address, GENOME, (), SEED, nonce=7, deadline=FAR
    )
    signature = sign(operator, Domain(devnet.chain_id, registry), permit)
    birth = await told.silently(Call(registry, BIRTH, birth_args(permit, signature)))
    teller.birth(nonce=0, tx=birth.hash)
    await maker.send(Call(token, MINT, (wallet.address, 5)))
    return told


async def live(told):
    """Decide, pay for a job by an authorization, publish, anchor."""
    teller = told.teller
    decided = teller.decide()
    args = ("$wallet", 1_000, 0, FAR, 3, "$salt")
    job = Call(told.board, POST, args, pull=Pull(told.token, 1_000, FAR))
    await told.act(f"{decided}.0", decided, "act", job)
    head = teller.seal().head
    mark = teller.mark
    said = teller.say("anchor", {**mark._asdict(), "intent": "anchor.0"})
    await told.act("anchor.0", said, "anchor", anchor_call(told.registry, head, mark.digest))


async def die(told):
    """Send the tokens home, say the last word, and do the two things it names."""
    teller, home = told.teller, told.operator.address
    because = teller.say("heartbeat", {"ending": "horizon", "cause": "its time was up"})
    await told.act("sweep.token", because, "end", Call(told.token, TRANSFER, (home, 999_005)))
    teller.end(told.nonce)
    head = teller.seal().head
    await told.silently(end_call(told.registry, "horizon", head, teller.prev))
    await told.silently(Call(home, "", value=Wei(10**15)))


def faults(verdict):
    return [finding for finding in verdict.findings if finding.level == "fault"]


async def test_a_told_life_passes_and_one_transaction_more_does_not(client, devnet, tmp_path):
    told = await born(client, devnet)
    await live(told)
    told.teller.write(tmp_path)

    async def check(registry=told.registry):
        return await audit(str(tmp_path), rpc=devnet.url, registry=registry)

    alive = await check()
    assert faults(alive) == []
    assert alive.outcome is None
    assert kinds.ALIVE in {finding.kind for finding in alive.findings}

    await die(told)
    for path in tmp_path.iterdir():
        path.unlink()
    told.teller.write(tmp_path)
    whole = await check()
    assert faults(whole) == []
    assert (whole.ok, whole.verified, whole.outcome) == (True, "chain", "horizon")
    assert {finding.kind for finding in whole.findings} == {kinds.INFLOW}

    unsure = await check(registry=None)
    assert unsure.ok
    assert kinds.TRUST in {finding.kind for finding in unsure.findings}

    extra = await told.silently(Call(told.operator.address, "", value=Wei(1)))
    robbed = await check()
    [fault] = faults(robbed)
    assert fault.kind == kinds.UNNAMED
    assert extra.hash in fault.detail


async def test_a_step_that_was_not_told_is_found_wherever_it_hides(client, devnet, tmp_path):
    told = await born(client, devnet)
    await told.silently(Call(told.token, TRANSFER, (told.operator.address, 1)))
    await live(told)
    told.teller.write(tmp_path)
    verdict = await audit(str(tmp_path), rpc=devnet.url, registry=told.registry)
    [fault] = faults(verdict)
    assert fault.kind == kinds.UNNAMED
    assert "nonce 1" in fault.detail


async def test_tokens_moved_by_an_untold_authorization_are_found(client, devnet, tmp_path):
    told = await born(client, devnet)
    call = Call(told.board, POST, ("$wallet", 9, 0, FAR, 3, "$salt"), pull=Pull(told.token, 9, FAR))
    domain = Domain(devnet.chain_id, told.token, "Test Dollar")
    data = calldata(call, Filling(told.wallet.address, "x"), domain, told.wallet.sign)
    request = {
        "from": devnet.keys[2].address,
        "to": told.board,
        "data": "0x" + data.hex(),
        "gas": hex(900_000),
    }
    theft = await mined(client, await client.rpc("eth_sendTransaction", request))
    assert theft.ok
    await live(told)
    told.teller.write(tmp_path)
    verdict = await audit(str(tmp_path), rpc=devnet.url, registry=told.registry)
    assert [fault.kind for fault in faults(verdict)] == [kinds.TRANSFER]
