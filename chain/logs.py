"""Searching a chain's events through nodes that refuse wide searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from chain import answers
from chain.answers import Log
from chain.errors import NodeRefused, Unreachable
from chain.types import Address

if TYPE_CHECKING:
    from chain.client import ChainClient

SPAN: Final = 5_000
"""Blocks to ask for at once; public endpoints allow from 500 to 10,000."""

Topic = str | None | Sequence[str]


async def logs(
    client: ChainClient,
    address: Address | Sequence[Address] | None,
    topics: Sequence[Topic],
    first: int,
    last: int,
    *,
    span: int = SPAN,
) -> list[Log]:
    """Every matching log from block `first` to `last`, in order; a refused range is halved."""
    found: list[Log] = []
    wanted: dict[str, object] = {"topics": list(topics)}
    if address is not None:
        wanted["address"] = address
    while first <= last:
        until = min(first + span - 1, last)
        limits = {"fromBlock": hex(first), "toBlock": hex(until)}
        try:
            raw = await client.rpc("eth_getLogs", wanted | limits)
        except NodeRefused:
            if span == 1:
                raise
            span = max(1, (until - first + 1) // 2)
            continue
        if not isinstance(raw, list):
            raise Unreachable("A node's answer makes no sense", cause="eth_getLogs")
        found += (log for each in raw if (log := answers.log(each)))
        first = until + 1
    return found
