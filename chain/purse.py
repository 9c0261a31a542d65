"""A key in this process, for people's own tools and the world's actors. Agents never have one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from eth_utils.address import to_checksum_address

from chain import abi, answers, fees, reverts
from chain.calldata import Filling, calldata
from chain.errors import NodeRefused, NotMined, Reverted, Unreachable
from chain.keys import Key
from chain.replies import ARRIVED, Reply
from chain.signing import sign_transaction
from chain.types import Address, Attempt, Call, Json, Receipt, Wei

if TYPE_CHECKING:
    from chain.client import ChainClient

POLL_S: Final = 0.1
RESEND_S: Final = 3.0
PATIENCE_S: Final = 120.0
MAX_FEE: Final = Wei(10**12)
HEADROOM: Final = 8
"""A purse never bumps: its caps must outlast a jump of the base fee. Unused fees are not paid."""
CREATION: Final = Address("0x")


class Purse:
    """Sends transactions one nonce after the other; many may wait for their blocks at once."""

    def __init__(
        self,
        client: ChainClient,
        key: Key,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = key.address
        self._client = client
        self._key = key
        self._patience_s = patience_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._next = 0

    async def send(self, call: Call) -> Receipt:
        """Send a call and wait for its block; raises `Reverted` with the contract's reason.

        The call's gas is a floor: what it costs may depend on the second in which it is mined.
        """
        salt = f"{self._clock()}"
        data = calldata(call, Filling(self.address, salt), None, _no_pulls)
        return await self._carry(call.to, data, call.value, call.gas)

    async def deploy(
        self, bytecode: str, types: Sequence[str] = (), args: Sequence[Json] = ()
    ) -> Address:
        """Create a contract and give its address."""
        data = bytes.fromhex(bytecode.removeprefix("0x")) + abi.encode(types, args)
        receipt = await self._carry(CREATION, data, Wei(0))
        raw = await self._client.rpc("eth_getTransactionReceipt", receipt.hash)
        return Address(to_checksum_address(raw["contractAddress"]))

    async def _carry(self, to: Address, data: bytes, value: int, least: int = 0) -> Receipt:
        request = {"from": self.address, "data": "0x" + data.hex(), "value": hex(value)}
        if to != CREATION:
            request["to"] = to
        gas = max(least, await self._estimate(request))
        async with self._turn:
            attempt = await self._sign(to, data, value, gas)
            await self._submit(attempt)
            self._next += 1
        receipt = await self._mined(attempt)
        if not receipt.ok:
            await self._explain(request, receipt)
        return receipt

    async def _estimate(self, request: dict[str, str]) -> int:
        """Gas with a quarter to spare: state may change before the block."""
        try:
            gas = answers.quantity(await self._client.rpc("eth_estimateGas", request, "latest"))
        except NodeRefused as refusal:
            raise Reverted(reverts.why(refusal)) from None
        return gas + gas // 4

    async def _sign(self, to: Address, data: bytes, value: int, gas: int) -> Attempt:
        head = await self._client.head()
        self._next = max(self._next, await self._client.nonce(self.address, "pending"))
        return sign_transaction(
            self._key,
            self._client.chain_id,
            self._next,
            fees.offer(Wei(HEADROOM * head.base_fee), MAX_FEE),
            gas,
            to,
            value,
            data,
        )

    async def _submit(self, attempt: Attempt) -> None:
        """Until a node has said something: silence may mean that it arrived."""
        until = self._clock() + self._patience_s
        while (reply := await self._client.broadcast(attempt.raw, attempt.hash)) is Reply.SILENT:
            if self._clock() >= until:
                raise Unreachable(method="eth_sendRawTransaction", hash=attempt.hash)
            await asyncio.sleep(POLL_S)
        overtaken = reply is Reply.PASSED and await self._client.receipt(attempt.hash) is None
        if reply not in ARRIVED or overtaken:
            self._next = 0
            raise NotMined("The node does not take the transaction", reply=reply.value)

    async def _mined(self, attempt: Attempt) -> Receipt:
        until = self._clock() + self._patience_s
        again = self._clock() + RESEND_S
        while (receipt := await self._client.receipt(attempt.hash)) is None:
            now = self._clock()
            if now >= until:
                raise NotMined(hash=attempt.hash)
            if now >= again:
                await self._client.broadcast(attempt.raw, attempt.hash)
                again = now + RESEND_S
            await asyncio.sleep(POLL_S)
        return receipt

    async def _explain(self, request: dict[str, str], receipt: Receipt) -> NoReturn:
        """Run it again before its block to learn why; the block's own order may hide it."""
        why = "out of gas, or changed by its block"
        try:
            await self._client.rpc("eth_call", request, hex(receipt.block.number - 1))
        except NodeRefused as refusal:
            why = reverts.why(refusal)
        raise Reverted(why, hash=receipt.hash)


def _no_pulls(digest: bytes) -> bytes:
    """A purse pays by plain transfer; only agents need authorizations."""
    raise AssertionError(digest)
