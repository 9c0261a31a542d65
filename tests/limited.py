"""A wallet on a local chain, whose signer is bound by limits as `forager permit` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import desks
from snapshots import PLACES, snapshot

from agent.config import parse
from agent.permitting import Caps, Permission, limits_body
from chain import permit
from chain.contracts import BALANCE_OF
from chain.reader import BlockReader
from chain.types import Address, Admission, Admitted, Call, Fees, Json, Micro, Receipt, Wei
from strategies.port import Holdings, Snapshot, Strategy
from world.devnet import Devnet

RICH = Caps(1e6, 1e6, 1e6, 100, 100, 100, 0, 2_000_000, 1000)
FEES = Fees(Wei(10**11), Wei(10**9))


@dataclass
class Limited:
    """`desks.WALLET` with a desk of its own; blocks are the test's to mine."""

    devnet: Devnet
    token: Address
    life: desks.Life
    acts: int = 0

    @classmethod
    async def born(
        cls, folder: Path, devnet: Devnet, token: Address, options: Mapping[str, Mapping[str, Any]]
    ) -> Limited:
        """Its limits are those that these strategies need; its birth is sent to nobody."""
        terms = Permission(2**40, "Test Dollar", "1", caps=RICH)
        body = limits_body(config(token, options), birth(), terms)
        life = desks.Life(folder, limits=body)
        life.hear(agent=0)
        await devnet.give_wei(desks.WALLET.address, Wei(10**18))
        born = cls(devnet, token, life)
        admitted = life.desk.admit(desks.birth(), FEES)
        await born.broadcast(admitted)
        life.hear()
        return born

    @property
    def wallet(self) -> Address:
        return desks.WALLET.address

    def admit(self, call: Call) -> Admission:
        self.acts += 1
        self.life.hear()
        return self.life.desk.admit(desks.act(self.acts, call), FEES)

    async def broadcast(self, admission: Admission) -> str:
        """Hand signed bytes to the node; they are mined with the next block."""
        assert isinstance(admission, Admitted), admission
        [attempt] = admission.entry.attempts
        await self.devnet.client.broadcast(attempt.raw, attempt.hash)
        return attempt.hash

    async def send(self, call: Call, seconds: int = 1) -> Receipt:
        """Signed within the limits, sent, and mined."""
        hash_ = await self.broadcast(self.admit(call))
        await self.devnet.mine(seconds)
        receipt = await self.devnet.client.receipt(hash_)
        assert receipt is not None
        return receipt

    async def read(self) -> BlockReader:
        return await BlockReader.latest(self.devnet.client)

    async def held(self, token: Address, of: Address | None = None) -> int:
        [held] = await (await self.read()).call(token, BALANCE_OF, [of or self.wallet])
        return int(str(held))

    async def seen(self, strategy: Strategy, **changes: Any) -> Snapshot:
        """What this strategy surveys now, in an otherwise healthy moment."""
        read = await self.read()
        plain = snapshot(
            wallet=self.wallet,
            block=read.block,
            places=replace(PLACES, token=self.token),
            holdings=Holdings(
                Wei(await read.balance(self.wallet)), Micro(await self.held(self.token))
            ),
            gas_price=Wei(10**6),
            surveys={},
            **changes,
        )
        found = await strategy.survey(read, plain)
        survey: Mapping[str, Json] = json.loads(json.dumps(found))
        return replace(plain, surveys={strategy.name: survey})


def config(token: Address, options: Mapping[str, Mapping[str, Any]]) -> Any:
    tables: dict[str, Mapping[str, Any]] = {
        "chain": {
            "rpc": ["http://127.0.0.1:1"],
            "chain_id": desks.CHAIN,
            "registry": desks.REGISTRY,
            "token": token,
            "lease_market": PLACES.lease_market,
        },
        "keys": {"operator": desks.OPERATOR.address},
        **{f"strategies.{name}": table for name, table in options.items()},
    }
    lines = [f"use = {json.dumps(list(options))}"]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return parse("\n".join(lines), Path("forager.toml"))


def birth() -> permit.Birth:
    whose = (desks.WALLET.address, desks.OPERATOR.address, desks.LOG.address)
    return permit.Birth(*whose, bytes(32), (), bytes(32), 0, 0)
