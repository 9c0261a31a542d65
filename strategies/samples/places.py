"""Where and when samples are: addresses, an hour, and what a machine costs."""

from __future__ import annotations

from typing import Final

from chain.types import RATE_SCALE, Address
from strategies.port import Places

HOUR: Final = 3600
NOW: Final = 1_700_000_000


def address(number: int) -> Address:
    """An address of digits alone, which is its own checksum."""
    return Address(f"0x{number:040d}")


WALLET: Final = address(1)
GUARDIAN: Final = address(2)
PROVIDER: Final = address(3)
RIVAL_PROVIDER: Final = address(4)
PLACES: Final = Places(
    registry=address(10),
    token=address(11),
    lease_market=address(12),
    job_board=address(13),
    gas_station=address(14),
)
HOURLY: Final = 1_000_000
"""One dollar an hour."""


def rate(hourly_micro: int) -> int:
    return hourly_micro * RATE_SCALE // HOUR
