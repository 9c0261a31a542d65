"""The signer and the contracts agree: permits, bytes, authorizations and halts, on a real chain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from desks import LOG, OPERATOR, WALLET, birth, caps, make_home, resume

import contracts
from chain import permit
from chain.client import ChainClient
from chain.contracts import ANCHOR, END, HALT, MINT, RESUME, TRANSFER, signature
from chain.purse import Purse
from chain.signer_client import SignerClient, start_signer
from chain.types import Address, Admitted, Call, Fees, Intent, Micro, Pull, Receipt, Refused, Wei

pytestmark = pytest.mark.anvil

FEES = Fees(Wei(10**10), Wei(10**9))
POST = signature("JobBoard", "postWithAuthorization").partition(")")[0] + ")"
ETHER = 10**18


@dataclass
class Rig:
    """A deployed registry and market, and a signer whose wallet has some money."""

    client: ChainClient
    signer: SignerClient
    operator: Purse
    registry: Address
    token: Address
    board: Address

    @property
    def domain(self) -> permit.Domain:
        return permit.Domain(31337, self.registry)

    async def carry(self, intent: Intent) -> Receipt:
        """Have it signed, send exactly those bytes, and read the receipt."""
        admission = await self.signer.admit(intent, FEES)
        assert isinstance(admission, Admitted), admission
        [attempt] = admission.entry.attempts
        assert await self.client.rpc("eth_sendRawTransaction", attempt.raw) == attempt.hash
        async with asyncio.timeout(20):
            while (receipt := await self.client.receipt(attempt.hash)) is None:
                await asyncio.sleep(0.02)
        return receipt

    async def born(self) -> None:
        assert (await self.carry(birth(registry=self.registry))).ok
        assert (await self.signer.state()).agent == 1

    def intent(self, name: str, purpose: str, function: str, *args: object) -> Intent:
        return Intent(name, 1, purpose, Call(self.registry, function, args, gas=400_000))


async def fund(client: ChainClient, *whom: Address) -> None:
    for address in whom:
        await client.rpc("anvil_setBalance", address, hex(10 * ETHER))


@pytest.fixture
async def rig(client: ChainClient, devnet, tmp_path: Path) -> AsyncIterator[Rig]:
    await fund(client, OPERATOR.address, WALLET.address)
    operator = Purse(client, OPERATOR)
    registry = await operator.deploy(contracts.artifact("AgentRegistry")["bytecode"])
    token = await operator.deploy(contracts.artifact("TestDollar")["bytecode"])
    board = await operator.deploy(contracts.artifact("JobBoard")["bytecode"], ["address"], [token])
    await operator.send(Call(token, MINT, (WALLET.address, 10**9)))
    make_home(
        tmp_path,
        devnet.url,
        registry=registry,
        ask_s=0.1,
        rules=[{"to": board, "function": POST}],
        tokens={token: {"name": "Test Dollar", "version": "1", **caps(10**8, 10**9, 10**9)}},
        wei=caps(ETHER, ETHER, ETHER),
    )
    process = await start_signer(tmp_path / "signer.toml")
    signer = SignerClient(tmp_path / "signer.sock")
    try:
        yield Rig(client, signer, operator, registry, token, board)
    finally:
        await signer.close()
        await process.stop()


async def test_a_permitted_birth_is_taken_by_the_registry(rig):
    await rig.born()
    state = await rig.signer.state()
    assert (state.wallet, state.log_key) == (WALLET.address, LOG.address)


async def test_a_pull_pays_for_exactly_its_call(rig):
    await rig.born()
    later = int(time.time()) + 10**6
    args = ("$wallet", 7_000_000, later, later + 10, 5, "$salt")
    pull = Pull(rig.token, Micro(7_000_000), later)
    call = Call(rig.board, POST, args, gas=500_000, pull=pull)
    receipt = await rig.carry(Intent("5.0", 5, "act", call))
    assert receipt.ok
    assert await _balance(rig, rig.board) == 7_000_000
    short = replace(call, pull=Pull(rig.token, Micro(6_000_000), later))
    assert not (await rig.carry(Intent("6.0", 6, "act", short))).ok
    assert await _balance(rig, rig.board) == 7_000_000


async def test_a_signed_head_is_anchored_and_a_life_ends_with_its_sweeps(rig):
    await rig.born()
    root = b"\xab" * 32
    await rig.signer.checkpoint(0, 5, root, bytes(32))
    head = (0, 5, "0x" + root.hex(), "0x" + "dd" * 32)
    assert (await rig.carry(rig.intent("anchor.0", "anchor", ANCHOR, 1, *head))).ok
    await rig.signer.checkpoint(1, 9, root, b"p" * 32)
    last = (1, 9, "0x" + root.hex(), "0x" + "dd" * 32)
    sweep = Call(rig.token, TRANSFER, (OPERATOR.address, 10**9), gas=100_000)
    assert (await rig.carry(Intent("sweep.token", 8, "end", sweep))).ok
    assert (await rig.carry(rig.intent("end", "end", END, 1, 2, *last))).ok
    ether = Call(OPERATOR.address, "", value=Wei(9 * ETHER), gas=21_000)
    assert (await rig.carry(Intent("sweep.wei", 9, "end", ether))).ok
    assert await _balance(rig, OPERATOR.address) == 10**9


async def test_the_operators_halt_on_chain_reaches_the_signer_and_only_a_signature_lifts_it(rig):
    await rig.born()
    await rig.operator.send(Call(rig.registry, HALT, (1,)))
    serve = rig.intent("serve", "serve", "serve(uint256,string)", 1, "http://x")
    refusal = await _until(rig, halted=True, intent=serve)
    assert refusal.reason == "standing"
    drain = Call(rig.token, TRANSFER, (OPERATOR.address, 5), gas=100_000)
    assert (await rig.carry(Intent("drain.token", 3, "drain", drain))).ok
    await rig.operator.send(Call(rig.registry, RESUME, (1,)))
    assert isinstance(await rig.signer.admit(serve, FEES), Refused)
    state = await rig.signer.state()
    lifted = permit.sign(OPERATOR, rig.domain, permit.Resume(1, state.halt_id))
    assert not await rig.signer.resume(resume(state.halt_id)), "another registry's"
    assert await rig.signer.resume(lifted)
    assert (await rig.carry(serve)).ok


async def _until(rig: Rig, *, halted: bool, intent: Intent) -> Refused:
    deadline = time.monotonic() + 10
    while (await rig.signer.state()).halted is not halted:
        assert time.monotonic() < deadline
    refusal = await rig.signer.admit(intent, FEES)
    assert isinstance(refusal, Refused)
    return refusal


async def _balance(rig: Rig, of: Address) -> int:
    data = "0x70a08231" + of[2:].lower().rjust(64, "0")
    return int(await rig.client.rpc("eth_call", {"to": rig.token, "data": data}, "latest"), 16)
