"""Money that came in by others' transactions: told to the log as sold, or as unasked: a gift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chain.contracts import TRANSFERRED
from chain.errors import Unreachable
from chain.types import Address

if TYPE_CHECKING:
    from agent.trade import Earned, Trade
    from chain.answers import Log
    from chain.client import ChainClient
    from chain.reader import BlockReader

SOLD: Final = "sold"
"""Why money came that paid for an answer of ours."""
UNASKED: Final = "unasked"


class Purse(NamedTuple):
    """Where money comes in, and whose payments are gifts whatever they bought."""

    token: Address
    wallet: Address
    operator: Address


class Arrival(NamedTuple):
    """What a record says of a transfer, and the authorization that a sale was paid by."""

    body: Mapping[str, Any]
    nonce: str | None


class Arrivals(NamedTuple):
    """What came, and the block up to which that is all."""

    told: Sequence[Arrival]
    until: int


async def arrivals(
    client: ChainClient,
    read: BlockReader,
    purse: Purse,
    since: int,
    trade: Trade,
    finality_blocks: int,
) -> Arrivals:
    """Transfers to the wallet after block `since`, in transactions that others sent.

    A sale is told once its block is final, for an audit will look for it there; until then nothing
    later is told either.
    """
    if read.block.number <= since:
        return Arrivals((), since)
    topic = "0x" + purse.wallet[2:].lower().rjust(64, "0")
    found = await read.logs(purse.token, [TRANSFERRED, None, topic], since + 1)
    told: list[tuple[int, Arrival]] = []
    wait: float = inf
    for log in found:
        giver, amount = _movement(log)
        earned = await trade.earned(giver, amount, log.transaction)
        if earned and log.block > read.block.number - finality_blocks:
            wait = min(wait, log.block)
        elif earned:
            told += [] if earned.told else [(log.block, _sale(purse, log, earned))]
        else:
            sent = await client.rpc("eth_getTransactionByHash", log.transaction)
            if sent is not None and _sender(sent) != purse.wallet.lower():
                told.append((log.block, Arrival(_body(purse, log, UNASKED), None)))
    until = int(min(read.block.number, wait - 1))
    return Arrivals([arrival for block, arrival in told if block <= until], until)


def _sale(purse: Purse, log: Log, earned: Earned) -> Arrival:
    """The operator cannot buy his own agent's answers: what he pays is a gift."""
    giver, _ = _movement(log)
    if giver in (purse.operator.lower(), purse.wallet.lower()):
        return Arrival(_body(purse, log, UNASKED), earned.nonce)
    by = {"because": earned.because, "nonce": earned.nonce}
    return Arrival({**_body(purse, log, SOLD), **by}, earned.nonce)


def _body(purse: Purse, log: Log, why: str) -> dict[str, Any]:
    giver, amount = _movement(log)
    return {
        "asset": purse.token,
        "amount": str(amount),
        "from": giver,
        "tx": log.transaction,
        "why": why,
    }


def _movement(log: Log) -> tuple[str, int]:
    try:
        return "0x" + log.topics[1][-40:], int(log.data, 16)
    except (ValueError, IndexError):
        raise Unreachable("A node's answer makes no sense", cause="a transfer") from None


def _sender(sent: object) -> str:
    sender = sent.get("from") if isinstance(sent, dict) else None
    if not isinstance(sender, str):
        raise Unreachable("A node's answer makes no sense", cause="a transaction")
    return sender.lower()
