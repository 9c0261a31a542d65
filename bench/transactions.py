"""Intents a second from admission to receipt, against a bare web3 loop sending the same call.

Ours goes the whole way on a chain that mines at once: the real signer's process (limits, ledger,
two signatures' worth of durability), the record of what was signed before its bytes leave, sending,
watching, and the record of how it ended once it is final. The bare loop is AsyncWeb3 with a local
account: sign, send, wait for the receipt, one after the other.

An agent lives with several intents in flight, so `transactions` keeps up to `IN_FLIGHT` of them,
asked for one after the other as an action's calls are, and looks at all of them together as a tick
does. `transactions_serial` waits for each receipt before the next is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Final

from ground import TRANSFER, Ground, housed
from result import Result, Results
from web3 import AsyncHTTPProvider, AsyncWeb3

from agent.config import load
from agent.hands import Hands
from agent.waking import waking
from agent.wiring import hosted, tools_of
from chain import abi
from chain.keys import Key
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Call, Intent, Micro, Refused, Wei
from telemetry.log import Log
from world.deploy import RICH, mint

ROUNDS: Final = 5
INTENTS: Final = 48
IN_FLIGHT: Final = 8
GAS: Final = 60_000
CAPS: Final = {"per_hour": 40.0, "per_day": 40.0}
PATIENCE_S: Final = 300.0
POLL_S: Final = 0.002
"""The bare loop looks again after this, not after web3's own tenth of a second."""


def measure() -> Results:
    return asyncio.run(_measure())


async def _measure() -> Results:
    serial, many, bare = [], [], []
    async with (
        asyncio.timeout(PATIENCE_S),
        housed(CAPS) as ground,
        _sending(ground) as ours,
        _bare(ground) as theirs,
    ):
        for _ in range(ROUNDS):
            bare.append(INTENTS / await _timed(theirs))
            many.append(INTENTS / await _timed(ours, IN_FLIGHT))
            serial.append(INTENTS / await _timed(ours, 1))
    return {
        "transactions": Result(median(many), "1/s", median(bare)),
        "transactions_serial": Result(median(serial), "1/s", median(bare)),
    }


async def _timed(send: Any, *how: int) -> float:
    began = perf_counter()
    await send(*how)
    return perf_counter() - began


@dataclass(slots=True)
class Sending:
    """An agent's hands, and nothing else of its life."""

    ground: Ground
    hands: Hands
    log: Log
    sent: int = 0

    async def __call__(self, in_flight: int) -> None:
        client = self.ground.devnet.client
        read = await BlockReader.latest(client)
        because = self.log.append("heartbeat", {"bench": True}, read.block).seq
        for place in range(INTENTS):
            await self._ask(f"{because}.{place}", because, read)
            while len(self.hands.open) - self._mined() >= in_flight:
                await self.hands.settle(read.block)
        while self.hands.unmined:
            await self.hands.settle(read.block)
        await client.rpc("anvil_mine", "0x2")  # what came last is final after two more blocks
        while self.hands.open:
            await self.hands.settle(read.block)

    async def _ask(self, name: str, because: int, read: BlockReader) -> None:
        at = self.ground.at
        call = Call(at.token, TRANSFER, (at.gas_station, 1), gas=GAS)
        verdict = await self.hands.ask(
            Intent(name, because, "act", call), "bench", read.block, await read.base_fee()
        )
        if isinstance(verdict, Refused):
            raise RuntimeError(verdict)  # noqa: TRY004 - a refusal is a value, and here a fault

    def _mined(self) -> int:
        waiting = [row for row in self.hands.shown() if row["state"] == "pending"]
        return len(self.hands.open) - len(waiting)


@asynccontextmanager
async def _sending(ground: Ground) -> AsyncIterator[Sending]:
    config = load(ground.home.root)
    async with (
        waking(ground.home, config) as children,
        tools_of(ground.home, config, hosted(ground.home, config, children)) as tools,
    ):
        state = await tools.signer.state()
        log = Log(ground.home.log, state.agent, tools.time.wall_ms)
        hands = Hands(tools.signer, tools.sender, tools.watcher, log)
        try:
            async with ground.devnet.hurrying():  # what is in flight since the agent's birth
                await hands.recover((await BlockReader.latest(tools.client)).block, 0, 0)
                while hands.open:
                    await hands.settle((await BlockReader.latest(tools.client)).block)
            await ground.devnet.give_wei(ground.wallet, RICH)
            await tools.client.rpc("evm_setAutomine", True)
            yield Sending(ground, hands, log)
        finally:
            log.close()


@asynccontextmanager
async def _bare(ground: Ground) -> AsyncIterator[Any]:
    """The same call from a wallet of its own, with nothing between web3 and the chain."""
    devnet, at, key = ground.devnet, ground.at, Key(bytes([7]) * 32)
    await devnet.give_wei(key.address, RICH)
    await mint(Purse(devnet.client, key), at.token, key.address, Micro(10**9))
    provider = AsyncHTTPProvider(devnet.url)
    web3 = AsyncWeb3(provider)
    account = web3.eth.account.from_key(bytes([7]) * 32)
    view = abi.function(TRANSFER)
    call = {
        "to": at.token,
        "data": view.selector + abi.encode(view.inputs, (at.gas_station, 1)),
        "gas": GAS,
        "maxFeePerGas": Wei(10**11),
        "maxPriorityFeePerGas": Wei(10**9),
        "chainId": at.chain_id,
        "value": 0,
        "type": 2,
    }

    async def send() -> None:
        nonce = await web3.eth.get_transaction_count(account.address)
        for step in range(INTENTS):
            signed = account.sign_transaction({**call, "nonce": nonce + step})
            sent = await web3.eth.send_raw_transaction(signed.raw_transaction)
            receipt = await web3.eth.wait_for_transaction_receipt(sent, poll_latency=POLL_S)
            if receipt["status"] != 1:
                raise RuntimeError(receipt)

    try:
        yield send
    finally:
        await provider.disconnect()


if __name__ == "__main__":
    print(measure())
