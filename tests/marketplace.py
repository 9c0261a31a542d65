"""A LeaseMarket on Anvil with a provider and a tenant who have money."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count

import contracts
from chain import fees
from chain.calldata import Filling, calldata
from chain.client import ChainClient
from chain.errors import Reverted
from chain.keys import Key
from chain.permit import Domain
from chain.purse import Purse
from chain.reader import BlockReader
from chain.signing import sign_transaction
from chain.types import RATE_SCALE, Address, Call, Micro, Receipt, Wei
from compute import offering
from compute.onchain import Terms
from compute.port import Lease, Offer

NONE = "0x" + "00" * 32
FLOAT = Micro(1_000_000_000)


@dataclass
class Marketplace:
    """Also a stage for the conformance suite; `do` acts as the tenant's signer would."""

    client: ChainClient
    token: Address
    registry: Address
    address: Address
    provider: Purse
    tenant_key: Key
    guardian: Address
    manifest: str = "0x" + "ab" * 32
    _salts: count[int] = field(default_factory=count)

    @property
    def tenant(self) -> Address:
        return self.tenant_key.address

    @property
    def purse(self) -> Purse:
        """The tenant's own."""
        return Purse(self.client, self.tenant_key)

    async def read(self) -> BlockReader:
        return await BlockReader.latest(self.client)

    async def held(self, of: Address | None = None) -> Micro:
        read = await self.read()
        [micro] = await read.call(self.token, "balanceOf(address)(uint256)", [of or self.tenant])
        return Micro(micro)

    async def do(self, call: Call) -> Receipt:
        """With exactly the call's gas, as the signer signs it."""
        domain = Domain(self.client.chain_id, self.token, "Test Dollar", "1")
        filling = Filling(self.tenant, f"{next(self._salts)}.0")
        data = calldata(call, filling, domain, self.tenant_key.sign)
        attempt = sign_transaction(
            self.tenant_key,
            self.client.chain_id,
            await self.client.nonce(self.tenant, "pending"),
            fees.offer((await self.client.head()).base_fee, Wei(10**12)),
            call.gas,
            call.to,
            call.value,
            data,
        )
        await self.client.broadcast(attempt.raw, attempt.hash)
        while (receipt := await self.client.receipt(attempt.hash)) is None:
            await asyncio.sleep(0.02)
        if not receipt.ok:
            raise Reverted(call.function)
        return receipt

    async def activate(self, lease: Lease) -> None:
        await self.provider.send(Call(self.address, "activate(uint256)", (lease.id,)))

    async def reprice(self, offer: Offer) -> None:
        await self.provider.send(Call(self.address, offering.REPRICE, (offer.id, offer.rate + 1)))

    async def post(self, terms: Terms) -> None:
        for call in offering.post(self.address, self.token, terms, Micro(0)):
            await self.provider.send(call)

    async def pass_s(self, seconds: int) -> None:
        await self.client.rpc("evm_increaseTime", seconds)
        await self.client.rpc("anvil_mine", "0x1")


def terms(rate: int = RATE_SCALE * 10, uri: str = "http://127.0.0.1:1", slots: int = 4) -> Terms:
    return Terms(
        rate=rate,
        min_s=600,
        max_s=24 * 3600,
        grace_s=900,
        activation_s=300,
        slots=slots,
        hardware=NONE,
        uri=uri,
    )


async def found(client: ChainClient, keys: tuple[Key, ...]) -> Marketplace:
    """Keys: the provider's, the tenant's, the guardian's."""
    provider = Purse(client, keys[0])

    async def create(name: str, *args: str) -> Address:
        bytecode = contracts.artifact(name)["bytecode"]
        return await provider.deploy(bytecode, ["address"] * len(args), args)

    token = await create("TestDollar")
    for key in keys[:3]:
        await provider.send(Call(token, "mint(address,uint256)", (key.address, FLOAT)))
    return Marketplace(
        client=client,
        token=token,
        registry=await create("AgentRegistry"),
        address=await create("LeaseMarket", token),
        provider=provider,
        tenant_key=keys[1],
        guardian=keys[2].address,
    )
