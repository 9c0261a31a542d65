"""Money that came in unasked: told to the log, counted as a gift by who measures fitness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from chain.types import Address

if TYPE_CHECKING:
    from chain.client import ChainClient
    from chain.reader import BlockReader

TRANSFERRED: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


async def unasked(
    client: ChainClient, read: BlockReader, token: Address, wallet: Address, since: int
) -> list[Mapping[str, Any]]:
    """Transfers to the wallet after block `since`, in transactions that others sent."""
    if read.block.number <= since:
        return []
    topic = "0x" + wallet[2:].lower().rjust(64, "0")
    found = await read.logs(token, [TRANSFERRED, None, topic], since + 1)
    gifts: list[Mapping[str, Any]] = []
    for log in found:
        sent = await client.rpc("eth_getTransactionByHash", log.transaction)
        if sent and str(sent["from"]).lower() != wallet.lower():
            gifts.append(
                {
                    "asset": token,
                    "amount": str(int(log.data, 16)),
                    "from": "0x" + log.topics[1][-40:],
                    "tx": log.transaction,
                    "why": "unasked",
                }
            )
    return gifts
