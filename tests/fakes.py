"""Fakes, one per port: what the layers below would be, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import rlp

from chain import permit
from chain.answers import Header
from chain.calldata import Filling, calldata
from chain.errors import Unreachable
from chain.keys import Key
from chain.replies import Reply
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
    Receipt,
    Refused,
    SignerState,
    Simulation,
    Wei,
)
from compute.port import ModelId, Scores


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
    """`chain.port.Signer` that admits everything and really signs: Anvil takes its bytes."""

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
        domain = permit.Domain(self._chain_id, self.wallet)
        return permit.sign(self._key, domain, permit.Access(lease, provider, at, digest))

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


class FakeNode:
    """What the sending side uses of a `ChainClient`, over a chain that the test moves by hand."""

    def __init__(self, chain_id: int = 31337, base_fee: int = 10**9) -> None:
        self.chain_id = chain_id
        self.base_fee = base_fee
        self.away = False
        """Nothing answers."""
        self.replies: list[Reply] = []
        """Said to the next broadcasts instead of the truth; SILENT loses the request."""
        self.broadcasts: list[str] = []
        self.pool: dict[int, tuple[str, int]] = {}
        """Hash and fee cap by nonce: one wallet is enough."""
        self.blocks: list[list[str]] = [[]]
        self.count: int | None = None
        """Said instead of the true count of transactions."""
        self._fork = 0
        self._names: list[int] = [0]
        self._nonces: dict[str, int] = {}

    async def head(self) -> Header:
        self._answer()
        return self._header(len(self.blocks) - 1)

    async def receipt(self, transaction: str) -> Receipt | None:
        self._answer()
        for number, block in enumerate(self.blocks):
            if transaction in block:
                return Receipt(transaction, self._header(number).block, True, 21_000, Wei(21_000))
        return None

    async def nonce(self, of: Address, at: int | str = "latest") -> int:
        self._answer()
        if self.count is not None:
            return self.count
        last = at if isinstance(at, int) else len(self.blocks) - 1
        return sum(len(block) for block in self.blocks[: last + 1])

    async def broadcast(self, raw: str, transaction: str) -> Reply:
        self._answer()
        self.broadcasts.append(raw)
        said = self.replies.pop(0) if self.replies else None
        return said or self.take(raw, transaction)

    def take(self, raw: str, transaction: str) -> Reply:
        """What an honest node does with signed bytes."""
        fields = cast("list[bytes]", rlp.decode(bytes.fromhex(raw[4:])))
        nonce, cap = int.from_bytes(fields[1]), int.from_bytes(fields[3])
        self._nonces[transaction] = nonce
        if nonce < sum(len(block) for block in self.blocks):
            return Reply.PASSED
        known, paid = self.pool.get(nonce, ("", 0))
        if known == transaction:
            return Reply.KNOWN
        if cap * 10 < paid * 11:
            return Reply.UNDERPRICED
        self.pool[nonce] = (transaction, cap)
        return Reply.ACCEPTED

    def mine(self, blocks: int = 1) -> None:
        """Blocks that take, in order, whatever pays the base fee."""
        for _ in range(blocks):
            mined: list[str] = []
            nonce = sum(len(block) for block in self.blocks)
            while nonce in self.pool and self.pool[nonce][1] >= self.base_fee:
                mined.append(self.pool.pop(nonce)[0])
                nonce += 1
            self.blocks.append(mined)
            self._names.append(self._fork)

    def reorg(self, depth: int) -> None:
        """Other blocks take the place of the last ones, with nothing in them."""
        self._fork += 1
        for number in range(max(1, len(self.blocks) - depth), len(self.blocks)):
            self.blocks[number], self._names[number] = [], self._fork

    def evict(self) -> None:
        self.pool.clear()

    def _answer(self) -> None:
        if self.away:
            raise Unreachable

    def _header(self, number: int) -> Header:
        name = f"0x{self._names[number]:032x}{number:032x}"
        block = Block(self.chain_id, number, name, 1_700_000_000 + 12 * number)
        return Header(block, "0x" + "00" * 32, Wei(self.base_fee))


class FakeScorer:
    """`compute.port.Scorer` that favours the first label, or fails as told."""

    def __init__(self, model: ModelId, fault: Exception | None = None) -> None:
        self.model = model
        self.fault = fault
        self.prompts: list[str] = []

    async def score(self, prompt: str, labels: Sequence[str]) -> Scores:
        self.prompts.append(prompt)
        if self.fault:
            raise self.fault
        return Scores(tuple(float(-place) for place in range(len(labels))), self.model)

    async def close(self) -> None:
        pass


class FakePurse:
    """`compute.errands.Purse` whose calls are mined at once, when told, or never."""

    def __init__(self, *, hold: bool = False, fault: Exception | None = None) -> None:
        self.address = Address("0x" + "9" * 40)
        self.sent: list[Call] = []
        self.block = 1
        self._fault = fault
        self._gate = asyncio.Event()
        if not hold:
            self._gate.set()

    def let_go(self) -> None:
        self._gate.set()

    async def send(self, call: Call) -> Receipt:
        self.sent.append(call)
        await self._gate.wait()
        if self._fault:
            raise self._fault
        block = Block(1, self.block, "0x", self.block)
        return Receipt("0x", block, ok=True, gas_used=21_000, fee=Wei(0))
