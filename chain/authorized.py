"""Which transfer an EIP-3009 authorization made, from what the token said of it. Pure.

A token says `AuthorizationUsed(payer, nonce)` and right after it the `Transfer` that was meant.
So a payer who signs one nonce twice, to two payees, cannot pass the one transfer for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Final, NamedTuple

from chain import answers
from chain.answers import Log
from chain.contracts import TRANSFERRED
from chain.errors import Unreachable

USED: Final = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"
"""The topic of `AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)`."""
_INDEXED: Final = 3
"""Both events have two parameters that are topics."""


class Authorized(NamedTuple):
    """One authorization that was used up, and what it moved; addresses in lower case."""

    token: str
    payer: str
    nonce: str
    payee: str
    value: int
    tx: str
    block: int


def authorized(logs: Iterable[Log]) -> Iterator[Authorized]:
    """Whatever these events show, which are in the chain's order and may be of many tokens."""
    spoken: dict[tuple[str, str, str], list[Log]] = {}
    for log in logs:
        if log.topics and log.topics[0] in (USED, TRANSFERRED) and len(log.topics) == _INDEXED:
            spoken.setdefault((log.transaction, log.address, log.topics[1]), []).append(log)
    for said in spoken.values():
        for used, moved in pairwise(said):
            if used.topics[0] == USED and moved.topics[0] == TRANSFERRED:
                with suppress(Unreachable):  # any contract may say nonsense
                    yield _pair(used, moved)


def _pair(used: Log, moved: Log) -> Authorized:
    return Authorized(
        token=used.address,
        payer="0x" + used.topics[1][-40:],
        nonce=used.topics[2],
        payee="0x" + moved.topics[2][-40:],
        value=answers.quantity(moved.data),
        tx=used.transaction,
        block=used.block,
    )
