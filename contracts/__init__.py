"""The contracts as Python sees them: committed ABI and bytecode, no compiler needed."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["ARTIFACTS", "NAMES", "abi", "artifact"]

ARTIFACTS: Final = Path(__file__).parent / "artifacts"
NAMES: Final = (
    "AgentRegistry",
    "ForecastBoard",
    "GasStation",
    "JobBoard",
    "LeaseMarket",
    "LogWitness",
    "SwapDesk",
    "TestDollar",
    "Vault",
    "VaultDesk",
)


@cache
def artifact(name: str) -> dict[str, Any]:
    """One contract's `contractName`, `abi` and `bytecode` (creation code, 0x-prefixed hex)."""
    if name not in NAMES:
        raise KeyError(name)
    loaded: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text("utf-8"))
    return loaded


def abi(name: str) -> list[dict[str, Any]]:
    """One contract's ABI."""
    entries: list[dict[str, Any]] = artifact(name)["abi"]
    return entries
