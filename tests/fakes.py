"""Fakes, one per port: what the layers below would be, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chain.errors import Unreachable
from chain.types import Address, Block, Call, Json, Simulation, Wei


class FakeReader:
    """`chain.port.Reader` over answers by signature: a list, or a function of the arguments."""

    def __init__(
        self,
        block: Block,
        answers: Mapping[str, Sequence[Json] | Callable[[Sequence[Json]], Sequence[Json]]],
        *,
        balances: Mapping[Address, Wei] | None = None,
        base_fee: int = 10**9,
        simulations: Callable[[Call], Simulation] | None = None,
    ) -> None:
        self.block = block
        self._answers = answers
        self._balances = balances or {}
        self._base_fee = Wei(base_fee)
        self._simulate = simulations or (lambda call: Simulation(ok=True, gas=call.gas, reason=""))

    async def call(self, to: Address, signature: str, args: Sequence[Json] = ()) -> Sequence[Json]:
        if signature not in self._answers:
            raise Unreachable
        answer = self._answers[signature]
        return answer(args) if callable(answer) else answer

    async def balance(self, of: Address) -> Wei:
        return self._balances.get(of, Wei(0))

    async def base_fee(self) -> Wei:
        return self._base_fee

    async def simulate(self, call: Call, sender: Address) -> Simulation:
        return self._simulate(call)
