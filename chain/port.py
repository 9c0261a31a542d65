"""The chain as the layers above see it: a reader at one block, and a signer that may refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chain.types import (
    Address,
    Admission,
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


class Reader(Protocol):
    """Reads at one block; the same question always has the same answer."""

    @property
    def block(self) -> Block: ...

    async def call(self, to: Address, signature: str, args: Sequence[Json] = ()) -> Sequence[Json]:
        """Call a view, e.g. `jobOf(uint256)((address,uint256))`; bytes come as 0x-strings.

        Raises `Unreachable` when no endpoint answers and `Reverted` when the contract refuses.
        """
        ...

    async def balance(self, of: Address) -> Wei: ...

    async def base_fee(self) -> Wei: ...

    async def simulate(self, call: Call, sender: Address) -> Simulation:
        """Try a call without sending it; a revert is a value. Pulls cannot be simulated.

        A call that names more gas than a plain payment takes is tried with that once; for one that
        does not, the node searches for the least, which takes it ten times as long.
        """
        ...


class Signer(Protocol):
    """The one holder of keys. Refusals are values; a dead socket raises `SignerGone`."""

    async def state(self) -> SignerState: ...

    async def admit(self, intent: Intent, fees: Fees) -> Admission:
        """Check, count, number, sign and store in one step; asked again, the stored entry."""
        ...

    async def bump(self, intent_id: str, fees: Fees) -> Attempt | Refused:
        """The same call and nonce at higher fees."""
        ...

    async def entries(self, from_nonce: int = 0) -> Sequence[Entry]: ...

    async def checkpoint(self, epoch: int, size: int, root: bytes, prev: bytes) -> bytes | Refused:
        """The log key's signature over the next head; asked again, the same; another, refused."""
        ...

    async def access(
        self, lease: int, provider: Address, at: int, digest: bytes
    ) -> bytes | Refused:
        """The wallet's proof to a provider that this request comes from the lease's tenant."""
        ...

    async def halt(self, reason: str) -> int: ...

    async def resume(self, signature: bytes) -> bool: ...
