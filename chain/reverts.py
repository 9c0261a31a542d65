"""Why a contract refused, in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from eth_utils.crypto import keccak

import contracts
from chain import abi
from chain.errors import NodeRefused

ERROR: Final = "0x08c379a0"
PANIC: Final = "0x4e487b71"
_BREAKS_OFF: Final = (
    *("revert", "outofgas", "invalidopcode", "invalidfeopcode", "opcodenotfound"),
    *("stackunderflow", "stackoverflow", "stacklimit", "invalidjump", "writeprotection"),
)
"""How nodes call it when a contract's code cannot go on, without blanks."""
REVERTED: Final = 3
"""The JSON-RPC code by which nodes say that a contract refused."""


def reason(data: str) -> str:
    """`Error("no")` is `no`; our contracts' errors are `NotOpen(7)`; all else stays hex."""
    try:
        return _reason(data)
    except Exception:  # noqa: BLE001 - a contract may revert with any bytes at all
        return data


def is_revert(refusal: NodeRefused) -> bool:
    """Whether it was the contract that said no, or broke off, rather than the node."""
    words = refusal.words.lower().replace(" ", "")
    return refusal.code == REVERTED or any(end in words for end in _BREAKS_OFF)


def why(refusal: NodeRefused) -> str:
    """The best words there are for a refused call."""
    return refusal.words if refusal.data in {"", "0x"} else reason(refusal.data)


def _reason(data: str) -> str:
    head, body = data[:10].lower(), bytes.fromhex(data[10:])
    if head == ERROR:
        return str(abi.decode(["string"], body)[0])
    if head == PANIC:
        return f"panic {abi.decode(['uint256'], body)[0]:#x}"
    if known := _errors().get(head):
        name, types = known
        return f"{name}({', '.join(str(value) for value in abi.decode(types, body))})"
    return data


@cache
def _errors() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Name and types of every error in the committed artifacts, by selector."""
    found = {}
    for contract in contracts.NAMES:
        for entry in contracts.abi(contract):
            if entry["type"] == "error":
                types = tuple(abi.kind(each) for each in entry["inputs"])
                selector = keccak(text=f"{entry['name']}({','.join(types)})")[:4].hex()
                found[f"0x{selector}"] = (entry["name"], types)
    return found
