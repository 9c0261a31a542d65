"""A key that sends and never waits: for actors, who must be done before the block is mined."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import rlp  # type: ignore[import-untyped] # it ships no type hints
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain import abi, fees
from chain.calldata import Filling, calldata
from chain.errors import NotMined
from chain.keys import Key
from chain.replies import ARRIVED
from chain.signing import sign_transaction
from chain.types import Address, Attempt, Call, Json, Wei

if TYPE_CHECKING:
    from world.devnet import Devnet

MOST_FEE: Final = Wei(10**12)
CREATION: Final = Address("0x")
CREATION_GAS: Final = 6_000_000
HEADROOM: Final = 8
"""Its fee caps outlast a jump of the base fee; what is not used is not paid."""


class Pocket:
    """Counts its own nonces: nobody else uses its key."""

    def __init__(self, devnet: Devnet, key: Key) -> None:
        self.address = key.address
        self._devnet = devnet
        self._key = key
        self._turn = asyncio.Lock()
        self._next: int | None = None

    async def send(self, call: Call) -> str:
        """The hash, as soon as the node has it; the call must say how much gas it takes."""
        data = calldata(call, Filling(self.address, ""), None, _no_pulls)
        attempt, _ = await self._hand_in(call.to, data, call.value, call.gas)
        return attempt.hash

    async def deploy(
        self, bytecode: str, types: Sequence[str] = (), args: Sequence[Json] = ()
    ) -> Address:
        """Where the contract will be, once the next block is mined."""
        data = bytes.fromhex(bytecode.removeprefix("0x")) + abi.encode(types, args)
        _, nonce = await self._hand_in(CREATION, data, Wei(0), CREATION_GAS)
        seen = keccak(rlp.encode([bytes.fromhex(self.address[2:]), nonce]))
        return Address(to_checksum_address(seen[12:]))

    async def _hand_in(self, to: Address, data: bytes, value: int, gas: int) -> tuple[Attempt, int]:
        client = self._devnet.client
        async with self._turn:
            if self._next is None:
                self._next = await client.nonce(self.address, "pending")
            attempt = sign_transaction(
                self._key,
                client.chain_id,
                self._next,
                fees.offer(Wei(HEADROOM * self._devnet.base_fee), MOST_FEE),
                gas,
                to,
                value,
                data,
            )
            reply = await client.broadcast(attempt.raw, attempt.hash)
            if reply not in ARRIVED:
                self._next = None
                raise NotMined("The node does not take the transaction", reply=reply.value)
            self._next += 1
            return attempt, self._next - 1


def _no_pulls(digest: bytes) -> bytes:
    """A pocket pays by plain transfer; only agents need authorizations."""
    raise AssertionError(digest)
