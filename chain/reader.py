"""Reading the chain at one block, so that every fact in a snapshot is of the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from eth_abi.exceptions import DecodingError

from chain import abi, answers, reverts
from chain.answers import Header, Log
from chain.calldata import Filling, calldata
from chain.errors import NodeRefused, Reverted, Unreachable
from chain.logs import Topic, logs
from chain.types import Address, Block, Call, Json, Simulation, Wei

if TYPE_CHECKING:
    from chain.client import ChainClient

PLAIN_GAS: Final = 21_000
"""A call that names no more is tried for what it takes; one that does, with just that."""


@dataclass(frozen=True, slots=True)
class BlockReader:
    """A `Reader` pinned by hash: if a reorg removes the block, it says so instead of moving on."""

    client: ChainClient
    header: Header

    @classmethod
    async def latest(cls, client: ChainClient) -> Self:
        """Pin the present head of the chain that was asked for."""
        await client.check()
        return cls(client, await client.head())

    @property
    def block(self) -> Block:
        return self.header.block

    async def call(self, to: Address, signature: str, args: Sequence[Json] = ()) -> Sequence[Json]:
        view = abi.function(signature)
        data = view.selector + abi.encode(view.inputs, args)
        try:
            raw = await self._ask("eth_call", {"to": to, "data": "0x" + data.hex()})
        except NodeRefused as refusal:
            raise Reverted(reverts.why(refusal), function=signature) from None
        try:
            return abi.decode(view.outputs, bytes.fromhex(raw[2:]))
        except (DecodingError, ValueError, TypeError):
            raise Reverted("No such view at this address", to=to, function=signature) from None

    async def balance(self, of: Address) -> Wei:
        return Wei(answers.quantity(await self._ask("eth_getBalance", of)))

    async def base_fee(self) -> Wei:
        return self.header.base_fee

    async def simulate(self, call: Call, sender: Address) -> Simulation:
        if call.pull is not None:
            return Simulation(ok=False, gas=0, reason="pulls cannot be simulated")
        data = calldata(call, Filling(sender, "simulation"), None, _never)
        request = {
            "from": sender,
            "to": call.to,
            "data": "0x" + data.hex(),
            "value": hex(call.value),
        }
        try:
            if call.gas > PLAIN_GAS:
                await self._ask("eth_call", request | {"gas": hex(call.gas)})
                return Simulation(ok=True, gas=call.gas, reason="")
            gas = answers.quantity(await self._ask("eth_estimateGas", request))
        except NodeRefused as refusal:
            return Simulation(ok=False, gas=0, reason=reverts.why(refusal))
        return Simulation(ok=True, gas=gas, reason="")

    async def logs(
        self, address: Address, topics: Sequence[Topic], first: int, last: int | None = None
    ) -> list[Log]:
        """Events up to this block at the latest."""
        until = self.block.number if last is None else min(last, self.block.number)
        return await logs(self.client, address, topics, first, until)

    async def _ask(self, method: str, what: object) -> Any:
        try:
            return await self.client.rpc(method, what, {"blockHash": self.block.hash})
        except NodeRefused as refusal:
            if reverts.is_revert(refusal) or not _misses_block(refusal):
                raise
            raise Unreachable("The block is gone", cause=method, block=self.block.number) from None


def _misses_block(refusal: NodeRefused) -> bool:
    """Nodes that lag behind, or that saw a reorg, do not have the block."""
    words = refusal.words.lower()
    return any(each in words for each in ("not found", "unknown block", "not canonical"))


def _never(digest: bytes) -> bytes:
    """Nothing is signed here."""
    raise AssertionError(digest)
