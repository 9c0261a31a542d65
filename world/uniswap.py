"""The real Uniswap v2, as its makers compiled it: npm brings it, nothing of it is in this tree."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.types import Address
from world.deploy import Founder
from world.errors import WorldError

MODULES: Final = Path(__file__).parent.parent / "node_modules" / "@uniswap"
FACTORY: Final = "v2-core/build/UniswapV2Factory.json"
PAIR: Final = "v2-core/build/UniswapV2Pair.json"
ROUTER: Final = "v2-periphery/build/UniswapV2Router02.json"
WETH: Final = "v2-periphery/build/WETH9.json"

CREATE_PAIR: Final = "createPair(address,address)"
ADD_LIQUIDITY: Final = (
    "addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)"
)
SWAP_EXACT: Final = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"


@dataclass(frozen=True, slots=True)
class Uniswap:
    """Where it is."""

    factory: Address
    router: Address

    def pair(self, one: Address, other: Address) -> Address:
        """Where the pair of two tokens is, or will be once it is created."""
        first, second = sorted((one, other), key=lambda token: int(token, 16))
        salt = keccak(bytes.fromhex(first[2:] + second[2:]))
        told = b"\xff" + bytes.fromhex(self.factory[2:]) + salt + keccak(bytes.fromhex(code(PAIR)))
        return Address(to_checksum_address(keccak(told)[12:]))


async def found_uniswap(founder: Founder) -> Uniswap:
    """Factory, router, and the wrapped ether that the router asks for."""
    factory = await founder.deploy(code(FACTORY), ("address",), (founder.address,))
    weth = await founder.deploy(code(WETH))
    router = await founder.deploy(code(ROUTER), ("address", "address"), (factory, weth))
    return Uniswap(factory, router)


@cache
def code(artifact: str) -> str:
    """The creation code of one of its contracts, as hex."""
    path = MODULES / artifact
    try:
        found: str = json.loads(path.read_text("utf-8"))["bytecode"]
    except OSError:
        raise WorldError("Uniswap v2 is not installed: run make setup", path=path) from None
    return found
