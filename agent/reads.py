"""A stranger's reads: made by us, at the snapshot's block and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chain.errors import ChainError
from chain.port import Reader
from chain.types import Address, Call
from strategies.plain import from_plain, to_plain

LONGEST_SIGNATURE: Final = 1000
"""Signatures are remembered, so that none is taken apart twice."""


class Reads:
    """Those of one question."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self.failed_us = False
        """The chain could not be asked, which is no fault of the one who wanted to know."""

    async def serve(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """The line to say back; raises whatever, for what cannot be read."""
        try:
            return {"value": await self._value(asked)}
        except ChainError as fault:
            self.failed_us |= fault.consequence == "retry"
            return {"fault": str(fault)}

    async def _value(self, asked: Mapping[str, Any]) -> Any:
        match asked:
            case {"call": [to, str(signature), args]} if len(signature) <= LONGEST_SIGNATURE:
                return await self._read.call(Address(to), signature, args)
            case {"balance": of}:
                return await self._read.balance(Address(str(of)))
            case {"base_fee": _}:
                return await self._read.base_fee()
            case {"simulate": [call, sender]}:
                trial = await self._read.simulate(from_plain(Call, call), Address(sender))
                return to_plain(trial)
        raise ValueError("an unknown read")
