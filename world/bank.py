"""The vault of a world: an ERC-4626 vault, a VaultDesk, and somebody who drips its yield in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import contracts
from chain.contracts import APPROVE, MINT
from chain.reader import BlockReader
from chain.types import Address, Block, Call
from strategies.quotes import SPAN_S
from world.deploy import RICH, role
from world.pocket import Pocket
from world.vaults import VaultTable, Yield

if TYPE_CHECKING:
    from random import Random

    from world.devnet import Devnet

OBSERVE: Final = "observe(address)"
DRIP: Final = "drip(uint256)"
DEPOSIT: Final = "deposit(uint256,address)"
TOTAL: Final = "totalAssets()(uint256)"
PLENTY: Final = 10**15
MOST: Final = 2**256 - 1
GAS: Final = 250_000


class Bank:
    """Founds the vault and keeps it earning."""

    def __init__(self, devnet: Devnet, token: Address, table: VaultTable, dice: Random) -> None:
        self.vault: Address | None = None
        self.desk: Address | None = None
        self._devnet = devnet
        self._token = token
        self._table = table
        self._yield = Yield(table, dice)
        self._keeper = Pocket(devnet, role("keeper of the vault"))
        self._start: Block | None = None
        self._noted_at = 0

    async def found(self) -> None:
        """All in one go: whose address is needed is known before it is there."""
        keeper, token = self._keeper, self._token
        await self._devnet.give_wei(keeper.address, RICH)
        made = contracts.artifact("Vault")["bytecode"]
        self.vault = vault = await keeper.deploy(made, ("address",), (token,))
        self.desk = await keeper.deploy(contracts.artifact("VaultDesk")["bytecode"])
        for call in (
            Call(token, MINT, (keeper.address, PLENTY), gas=GAS),
            Call(token, APPROVE, (vault, MOST), gas=GAS),
            Call(vault, DEPOSIT, (self._table.depth_micro, keeper.address), gas=GAS),
        ):
            await keeper.send(call)

    async def act(self, block: Block) -> None:
        """Drip in what was earned since the last block, on what was in it then."""
        start = self._start = self._start or block
        if self.vault is None or self.desk is None:
            return
        if share := self._yield.until(block.at - start.at):
            read = await BlockReader.latest(self._devnet.client)
            [total] = await read.call(self.vault, TOTAL)
            if drops := int(cast("int", total) * share):
                await self._keeper.send(Call(self.vault, DRIP, (drops,), gas=GAS))
        if block.at - self._noted_at >= SPAN_S:
            self._noted_at = block.at
            await self._keeper.send(Call(self.desk, OBSERVE, (self.vault,), gas=GAS))

    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """A saver's."""
        if self.vault is None:
            return {}
        return {"saver": {"vault": self.vault, "desk": self.desk}}
