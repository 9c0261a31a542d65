"""Searching a chain's events through nodes that refuse wide searches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Protocol

from chain import answers
from chain.answers import Log
from chain.errors import NodeRefused, Unreachable
from chain.types import Address

SPAN: Final = 5_000
"""Blocks to ask for at once; public endpoints allow from 500 to 10,000."""

Topic = str | None | Sequence[str]


class Asked(Protocol):
    """Who is asked: a client, or one endpoint."""

    async def rpc(self, method: str, *params: object) -> Any: ...


async def logs(
    client: Asked,
    address: Address | Sequence[Address] | None,
    topics: Sequence[Topic],
    first: int,
    last: int,
    *,
    span: int = SPAN,
) -> list[Log]:
    """Every matching log from block `first` to `last`, in order."""
    return [log async for log in each_log(client, address, topics, first, last, span=span)]


async def each_log(
    client: Asked,
    address: str | Sequence[str] | None,
    topics: Sequence[Topic],
    first: int,
    last: int,
    *,
    span: int = SPAN,
) -> AsyncIterator[Log]:
    """The same, for those who do not want to hold them all; a refused range is halved."""
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
        for each in raw:
            if log := answers.log(each):
                yield log
        first = until + 1
