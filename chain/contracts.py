"""Functions of the registry and of tokens, as signatures; the committed ABI answers the rest.

Markets and boards are named where they are used. `tests/unit/chain/test_abi.py` holds all
of them to the artifacts.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import contracts
from chain import abi
from chain.port import Reader
from chain.types import Address

_BIRTH: Final = "(address,address,address,bytes32,uint64[],bytes32,uint256,uint64)"
_LIFE: Final = (
    "(address,address,address,bytes32,bytes32,uint64,uint64,uint8,bool,uint256,"
    "uint64,uint64,bytes32,bytes32,bool)"
)

BIRTH: Final = f"birth({_BIRTH},bytes)"
ANCHOR: Final = "anchor(uint256,uint64,uint64,bytes32,bytes32)"
SERVE: Final = "serve(uint256,string)"
HALT: Final = "halt(uint256)"
RESUME: Final = "resume(uint256)"
END: Final = "end(uint256,uint8,uint64,uint64,bytes32,bytes32)"
AGENT_OF: Final = "agentOf(address)(uint256)"
LIFE_OF: Final = f"lifeOf(uint256)({_LIFE})"
PARENTS_OF: Final = "parentsOf(uint256)(uint64[])"
URI_OF: Final = "uriOf(uint256)(string)"

BALANCE_OF: Final = "balanceOf(address)(uint256)"
ALLOWANCE: Final = "allowance(address,address)(uint256)"
APPROVE: Final = "approve(address,uint256)"
TRANSFER: Final = "transfer(address,uint256)"
TRANSFERRED: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""The topic of a token's Transfer event."""
MINT: Final = "mint(address,uint256)"
"""Of TestDollar alone."""


class Life(NamedTuple):
    """What the registry knows of one agent; field for field its struct."""

    wallet: Address
    operator: Address
    log_key: Address
    genome: str
    seed: str
    born_at: int
    ended_at: int
    cause: int
    halted: bool
    halt_id: int
    epoch: int
    size: int
    root: str
    digest: str
    anchored: bool


async def life_of(read: Reader, registry: Address, agent: int) -> Life | None:
    """One agent's life; None for an id that nobody has."""
    [row] = await read.call(registry, LIFE_OF, [agent])
    life = Life(*row)  # type: ignore[misc] # a test holds it to the ABI
    return life if life.born_at else None


def signature(contract: str, name: str) -> str:
    """A function of a committed artifact, with what it returns, as `Reader.call` takes it."""
    for entry in contracts.abi(contract):
        if entry["type"] == "function" and entry["name"] == name:
            inputs = ",".join(abi.kind(each) for each in entry["inputs"])
            outputs = ",".join(abi.kind(each) for each in entry["outputs"])
            return f"{name}({inputs})" + (f"({outputs})" if outputs else "")
    raise KeyError(name)


def constructor(contract: str) -> tuple[str, ...]:
    """The types of its constructor's arguments, as `Purse.deploy` takes them."""
    found = [each for each in contracts.abi(contract) if each["type"] == "constructor"]
    return tuple(abi.kind(each) for entry in found for each in entry["inputs"])
