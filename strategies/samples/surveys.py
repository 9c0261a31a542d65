"""What strategies of ours report when all is well, and options to make them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from chain.types import Json
from strategies.samples.places import HOUR, NOW, address

TRADER: Final[Mapping[str, Json]] = {
    "desk": address(20),
    "pair": address(21),
    "other": address(22),
    "other_name": "Test Euro",
    "other_version": "1",
}
SAVER: Final[Mapping[str, Json]] = {"desk": address(23), "vault": address(24)}
FORECASTER: Final[Mapping[str, Json]] = {"board": address(25), "sponsors": [address(26)]}
SWINGS: Final = (0, 15_000, 12_000, 0, -15_000, -12_000)
"""Of a price that always comes back, in millionths."""


def job(number: int = 1, *, reward: int = 1_500_000, **changes: Json) -> Mapping[str, Json]:
    """A job as keeper's survey reports it."""
    plain: dict[str, Json] = {
        "id": number,
        "reward": str(reward),
        "deadline": NOW + 4 * HOUR,
        "gas": 200_000,
    }
    return {**plain, **changes}


def quote(*, off: int = 0, held: int = 2_000_000, **changes: Json) -> Mapping[str, Json]:
    """A deep pool as trader's survey reports it, its price so many millionths off its average."""
    average = 10**6 - off
    plain: dict[str, Json] = {
        "micro": "50000000000",
        "other": "50000000000",
        "held": str(held),
        "prices": [average + SWINGS[i % len(SWINGS)] for i in range(56)],
    }
    return {**plain, **changes}


def savings(*, worth: int = 5_000_000, **changes: Json) -> Mapping[str, Json]:
    """A vault that yields a thousandth an hour as saver's survey reports it."""
    plain: dict[str, Json] = {
        "shares": str(worth * 900),
        "free": str(worth * 900),
        "room": str(2**256 - 1),
        "worth": str(worth),
        "liquid_micro": str(worth),
        "issued": "900000000",
        "back": "999999",
        "hourly": 10**9,
    }
    return {**plain, **changes}


def forecast(number: int = 1, *, bps: int = -400, **changes: Json) -> Mapping[str, Json]:
    """What forecaster's survey reports of a round that takes stakes."""
    plain: dict[str, Json] = {
        "id": number,
        "forecast_bps": bps,
        "read_bps": bps,
        "sd_bps": 300,
        "span_bps": 1000,
        "least": "100000",
        "most": "5000000",
        "closes_at": NOW + 3 * HOUR,
        "over_at": NOW + 4 * HOUR,
        "digest": "ab" * 8,
        "text": "aldine, wary market: to lose order",
    }
    return {**plain, **changes}


def due(number: int = 1, *, back: int = 2_200_000) -> Mapping[str, Json]:
    """What it reports of a stake in a round that is over."""
    return {
        "id": number,
        "forecast_bps": 300,
        "realised_bps": 500,
        "stake": "2000000",
        "due": str(back),
    }


def news(
    *rounds: Mapping[str, Json], claims: Sequence[Mapping[str, Json]] = ()
) -> Mapping[str, Json]:
    """The whole survey, of a model that reads well."""
    return {
        "rounds": list(rounds),
        "claims": list(claims),
        "open_n": 0,
        "believed_pct": 90,
        "miss_pct": 25,
        "tried_n": 16,
    }
