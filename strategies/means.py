"""What a snapshot can afford, and what it says about an action's past. Pure."""

from __future__ import annotations

from typing import Final

from chain.types import RATE_SCALE, Call, Micro, Wei
from strategies.port import Snapshot

WEI_PER_ETH: Final = 10**18


def up(value: int, divisor: int) -> int:
    """Division that rounds up."""
    return -(-value // divisor)


def rent(rate: int, seconds: int) -> Micro:
    """What so many seconds cost at a lease's rate, rounded up."""
    return Micro(up(rate * seconds, RATE_SCALE))


def gas_in_micro(seen: Snapshot, gas: int) -> Micro:
    """What gas costs in the token at the snapshot's prices; 0 when nobody sells any."""
    return Micro(up(gas * seen.gas_price * seen.eth_price, WEI_PER_ETH))


def can_send(seen: Snapshot, call: Call) -> bool:
    """Whether the wallet holds what the call moves and the gas it may burn."""
    wei = call.value + Wei(call.gas * seen.gas_price)
    micro = call.pull.value if call.pull is not None else 0
    return wei <= seen.holdings.wei and micro <= seen.holdings.micro


def flying(seen: Snapshot, key: str) -> bool:
    """Whether the same action was signed and has not settled: it must not be offered twice."""
    return any(pending.key == key for pending in seen.in_flight)


def stumbles(seen: Snapshot, key: str) -> int:
    """How often the action failed of late."""
    return sum(1 for outcome in seen.recent if outcome.key == key and not outcome.ok)
