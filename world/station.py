"""What the gas station of a local world asks, reckoned as its contract does. Pure."""

from __future__ import annotations

from typing import Final

from eth_utils.crypto import keccak

ONE: Final = 10**18
STEP_S: Final = 3600


def weather(world: str, seed: int) -> str:
    """What the station's price is drawn from, 32 bytes as 0x-text."""
    return "0x" + keccak(text=f"{world}/{seed}/station").hex()


def price(mean_micro: int, drawn_from: str, at: int) -> int:
    """For 10¹⁸ wei, at a second of the chain: between half and twice the mean."""
    hour, second = divmod(at, STEP_S)
    part = second * ONE // STEP_S
    eased = part * part // ONE * (3 * ONE - 2 * part) // ONE
    before, after = _height(drawn_from, hour), _height(drawn_from, hour + 1)
    height = (before * (ONE - eased) + after * eased) // ONE
    factor = ONE // 2 + height if height < ONE // 2 else 2 * height
    return mean_micro * factor // ONE


def _height(drawn_from: str, hour: int) -> int:
    return int.from_bytes(keccak(bytes.fromhex(drawn_from[2:]) + hour.to_bytes(32, "big"))) % ONE
