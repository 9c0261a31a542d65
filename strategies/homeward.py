"""What goes home when a life ends: all of a token, by a plain transfer to the operator. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chain.contracts import TRANSFER
from chain.types import Address, Call, Json
from strategies.port import Snapshot

GAS: Final = 120_000
LONGEST: Final = 78
"""Digits of the largest number a contract knows."""


def homeward(seen: Snapshot, token: Address, held: Json) -> Sequence[Call]:
    """`held` is what a survey says of it; nothing where it does not say."""
    if not isinstance(held, str) or not (held.isascii() and held.isdecimal()):
        return ()
    if len(held) > LONGEST or not int(held):
        return ()
    return (Call(token, TRANSFER, (seen.guardian, int(held)), gas=GAS),)
