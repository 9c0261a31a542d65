"""Money that came in unasked: told to the log, counted as a gift by who measures fitness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chain.contracts import TRANSFERRED
from chain.errors import Unreachable
from chain.types import Address

if TYPE_CHECKING:
    from chain.answers import Log
    from chain.client import ChainClient
    from chain.reader import BlockReader


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
        if sent is not None and _sender(sent) != wallet.lower():
            gifts.append(_gift(token, log))
    return gifts


def _gift(token: Address, log: Log) -> Mapping[str, Any]:
    try:
        amount, giver = int(log.data, 16), log.topics[1][-40:]
    except (ValueError, IndexError):
        raise Unreachable("A node's answer makes no sense", cause="a transfer") from None
    return {
        "asset": token,
        "amount": str(amount),
        "from": "0x" + giver,
        "tx": log.transaction,
        "why": "unasked",
    }


def _sender(sent: object) -> str:
    sender = sent.get("from") if isinstance(sent, dict) else None
    if not isinstance(sender, str):
        raise Unreachable("A node's answer makes no sense", cause="a transaction")
    return sender.lower()
