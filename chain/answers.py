"""What a node's answers mean. One that makes no sense is worth as little as silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from chain.errors import Unreachable
from chain.types import Attempt, Block, Receipt, Wei

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Header:
    """A block and the base fee it asked."""

    block: Block
    parent: str
    base_fee: Wei


@dataclass(frozen=True, slots=True)
class Log:
    """One event as a contract wrote it, hex in lower case."""

    address: str
    topics: tuple[str, ...]
    data: str
    block: int
    block_hash: str
    transaction: str
    index: int


def _sensible(parse: Callable[P, T]) -> Callable[P, T]:
    @wraps(parse)
    def parsed(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return parse(*args, **kwargs)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Unreachable("A node's answer makes no sense", cause=parse.__name__) from None

    return parsed


@_sensible
def quantity(raw: Any) -> int:
    """A hex number."""
    return int(raw, 16)


@_sensible
def header(raw: Any, chain: int) -> Header:
    """A block as `eth_getBlockBy…` gives it."""
    block = Block(chain, int(raw["number"], 16), _word(raw["hash"]), int(raw["timestamp"], 16))
    return Header(block, _word(raw["parentHash"]), Wei(int(raw.get("baseFeePerGas", "0x0"), 16)))


@_sensible
def place(raw: Any) -> tuple[int, str]:
    """Number and hash of the block that a receipt claims."""
    return int(raw["blockNumber"], 16), _word(raw["blockHash"])


@_sensible
def receipt(raw: Any, block: Block) -> Receipt:
    """A receipt in a block that was looked up apart from it."""
    if place(raw) != (block.number, block.hash) or raw["status"] not in {"0x0", "0x1"}:
        raise ValueError(raw)
    gas = int(raw["gasUsed"], 16)
    return Receipt(
        hash=_word(raw["transactionHash"]),
        block=block,
        ok=raw["status"] == "0x1",
        gas_used=gas,
        fee=Wei(gas * int(raw["effectiveGasPrice"], 16)),
    )


def plausible(seen: Receipt, attempt: Attempt, gas: int) -> bool:
    """Whether these signed bytes could have ended so: they bound both gas and price."""
    return (
        seen.hash == attempt.hash
        and 0 < seen.gas_used <= gas
        and seen.fee <= seen.gas_used * attempt.fees.max_fee
    )


@_sensible
def log(raw: Any) -> Log | None:
    """An entry of `eth_getLogs`; None if a reorg has taken it back."""
    if raw.get("removed"):
        return None
    return Log(
        address=raw["address"].lower(),
        topics=tuple(topic.lower() for topic in raw["topics"]),
        data=raw["data"].lower(),
        block=int(raw["blockNumber"], 16),
        block_hash=_word(raw["blockHash"]),
        transaction=_word(raw["transactionHash"]),
        index=int(raw["logIndex"], 16),
    )


def _word(text: str) -> str:
    if len(text) != 66 or len(bytes.fromhex(text[2:])) != 32:  # noqa: PLR2004 - 0x and 32 bytes
        raise ValueError(text)
    return text.lower()
