"""A reader that puts each question once: within one look, several parts ask the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any

from chain.port import Reader
from chain.types import Address, Block, Call, Json, Simulation, Wei


class Asked:
    """Every answer at one block is the same answer, a fault too: nothing is asked twice."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._answers: dict[Hashable, asyncio.Future[Any]] = {}

    @property
    def block(self) -> Block:
        return self._read.block

    async def call(self, to: Address, signature: str, args: Sequence[Json] = ()) -> Sequence[Json]:
        found: Sequence[Json] = await self._once(
            ("call", to, signature, repr(args)), lambda: self._read.call(to, signature, args)
        )
        return found

    async def balance(self, of: Address) -> Wei:
        return Wei(await self._once(("balance", of), lambda: self._read.balance(of)))

    async def base_fee(self) -> Wei:
        return Wei(await self._once("base fee", self._read.base_fee))

    async def simulate(self, call: Call, sender: Address) -> Simulation:
        return await self._read.simulate(call, sender)

    async def _once(self, question: Hashable, ask: Callable[[], Awaitable[Any]]) -> Any:
        if question not in self._answers:
            self._answers[question] = asyncio.ensure_future(ask())
        # One who runs out of time must not take the answer from the others who wait for it.
        return await asyncio.shield(self._answers[question])
