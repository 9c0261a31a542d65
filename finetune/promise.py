"""Pre-registration: what will be tried and what will count, put on chain before anything is tried.

The promise is plain JSON; its SHA-256 is the data of a transaction from the worker's key to itself.
Whoever has the promise and the transaction can see that it was made then, and for these worlds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chain.rpc import connect
from finetune.errors import NoPromise
from finetune.stage import put

if TYPE_CHECKING:
    from chain.keys import Key

E_VALUE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Promise:
    """Everything the verdict will depend on."""

    hypothesis: str
    child: str
    """SHA-256 of the model that is tried."""
    parent: str
    worlds: Mapping[str, str]
    """Scenarios by name, with their digests."""
    heuristic: str
    """Digest of the rival's figures."""
    seeds: Sequence[int]
    epsilon: float = 0.0
    e_value: float = E_VALUE
    least_effect: float = 1.0
    """The ratio of restricted mean lives that is worth promoting for."""
    exclusions: str = "lives whose audit finds a fault"
    tries: int = 1
    """How many children of this parent were tried, this one included."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Models that are compared in the same worlds, by name."""

    def text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def hold(self, now: Promise) -> None:
        """Raises `NoPromise` if what is about to be done is not what was promised."""
        ours, theirs = json.loads(self.text()), json.loads(now.text())
        if changed := [name for name in ours if ours[name] != theirs[name]]:
            raise NoPromise("something else was promised", differs=", ".join(changed))

    @property
    def digest(self) -> str:
        return "0x" + hashlib.sha256(self.text().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Anchored:
    """Where a promise's digest stands."""

    digest: str
    chain: int
    transaction: str
    block: int
    at: int
    """Chain seconds of that block."""


async def register(promise: Promise, rpc: str, key: Key) -> Anchored:
    """Send the digest, and wait for its block."""
    from chain.client import ChainClient
    from chain.fees import offer
    from chain.signing import sign_transaction
    from chain.types import Wei

    async with connect(rpc) as node:
        chain = await node.number("eth_chainId")
    async with ChainClient([rpc], chain) as client:
        head = await client.head()
        nonce = await client.nonce(key.address, "pending")
        fees = offer(Wei(2 * head.base_fee), Wei(10**12))
        data = bytes.fromhex(promise.digest[2:])
        attempt = sign_transaction(key, chain, nonce, fees, GAS, key.address, 0, data)
        await client.broadcast(attempt.raw, attempt.hash)
        for _ in range(TRIES):
            if receipt := await client.receipt(attempt.hash):
                return Anchored(
                    promise.digest, chain, attempt.hash, receipt.block.number, receipt.block.at
                )
            await _pause()
    raise NoPromise("no block took the pre-registration", transaction=attempt.hash)


GAS: Final = 60_000
TRIES: Final = 600


async def _pause() -> None:
    import asyncio

    await asyncio.sleep(0.2)


async def confirm(promise: Promise, anchored: Anchored, rpc: str, before: float) -> None:
    """Raises `NoPromise` unless this very promise is on that chain, and was before that time."""
    if anchored.digest != promise.digest:
        raise NoPromise("the pre-registration is of another promise", digest=anchored.digest)
    async with connect(rpc) as node:
        found = await node.rpc("eth_getTransactionByHash", anchored.transaction)
        if not isinstance(found, dict) or found.get("input") != promise.digest:
            raise NoPromise("the chain does not know this pre-registration", rpc=rpc)
        at = await node.time(int(str(found["blockNumber"]), 16))
    if at > before:
        raise NoPromise("it was registered after the evaluation began", at=at, began=int(before))


def save(path: Path, promise: Promise, anchored: Anchored) -> None:
    told: Mapping[str, Any] = {"promise": asdict(promise), "anchored": asdict(anchored)}
    put(path, told)


def load(path: Path) -> tuple[Promise, Anchored]:
    try:
        told = json.loads(path.read_text("utf-8"))
        return Promise(**told["promise"]), Anchored(**told["anchored"])
    except FileNotFoundError:
        raise NoPromise(file=path) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise NoPromise("the pre-registration is damaged", file=path) from None
