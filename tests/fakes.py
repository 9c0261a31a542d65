"""Fakes, one per port: what the layers below would be, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from chain.calldata import Filling, calldata
from chain.errors import Unreachable
from chain.keys import Key
from chain.signing import sign_transaction
from chain.types import (
    Address,
    Admission,
    Admitted,
    Attempt,
    Block,
    Call,
    Entry,
    Fees,
    Intent,
    Json,
    Refused,
    SignerState,
    Simulation,
    Wei,
)


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


class FakeSigner:
    """`chain.port.Signer` that admits everything and really signs, so that Anvil takes its bytes."""

    def __init__(self, key: Key, chain_id: int, next_nonce: int = 0) -> None:
        self.wallet = key.address
        self.bumps: list[Fees] = []
        self.refusal: Refused | None = None
        """Answers every bump, if set."""
        self._key = key
        self._chain_id = chain_id
        self._next = next_nonce
        self._entries: dict[str, Entry] = {}

    async def state(self) -> SignerState:
        return SignerState(
            wallet=self.wallet,
            log_key=self.wallet,
            operator=self.wallet,
            chain_id=self._chain_id,
            registry=self.wallet,
            agent=0,
            halted=False,
            halt_id=0,
            halt_reason="",
            ended=False,
            limits_version=1,
            next_nonce=self._next,
        )

    async def admit(self, intent: Intent, fees: Fees) -> Admission:
        if known := self._entries.get(intent.id):
            return Admitted(known, fresh=False)
        entry = Entry(intent, self._next, (self._sign(intent, self._next, fees),))
        self._entries[intent.id] = entry
        self._next += 1
        return Admitted(entry, fresh=True)

    async def bump(self, intent_id: str, fees: Fees) -> Attempt | Refused:
        self.bumps.append(fees)
        if self.refusal:
            return self.refusal
        entry = self._entries[intent_id]
        attempt = self._sign(entry.intent, entry.nonce, fees)
        self._entries[intent_id] = replace(entry, attempts=(*entry.attempts, attempt))
        return attempt

    async def entries(self, from_nonce: int = 0) -> Sequence[Entry]:
        return [each for each in self._entries.values() if each.nonce >= from_nonce]

    async def checkpoint(self, epoch: int, size: int, root: bytes, prev: bytes) -> bytes | Refused:
        return bytes(65)

    async def access(
        self, lease: int, provider: Address, at: int, digest: bytes
    ) -> bytes | Refused:
        return bytes(65)

    async def halt(self, reason: str) -> int:
        return 1

    async def resume(self, signature: bytes) -> bool:
        return True

    def _sign(self, intent: Intent, nonce: int, fees: Fees) -> Attempt:
        call = intent.call
        data = calldata(call, Filling(self.wallet, intent.id), None, self._key.sign)
        return sign_transaction(
            self._key, self._chain_id, nonce, fees, call.gas, call.to, call.value, data
        )
