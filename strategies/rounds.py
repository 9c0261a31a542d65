"""What ForecastBoard says and takes, and what a survey keeps of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypeVar, cast

from chain.types import Address, Json
from strategies.reading import Reading

FORECAST: Final = (
    "forecastWithAuthorization(address,uint256,int256,uint256,bytes32,uint256,uint256,bytes)"
)
CLAIM: Final = "claim(uint256)"
COUNT: Final = "roundCount()(uint256)"
_TERMS: Final = "(address,uint32,uint64,uint64,uint64,uint128,uint128)"
_ROUND: Final = f"(address,{_TERMS},uint128,uint128,int128,uint128,uint128,int32,bool,bytes)"
ROUNDS: Final = f"rounds(uint256,uint256)({_ROUND}[])"
_STANDING: Final = "(uint256,uint128,int32,bool,bool,int32,uint256)"
STAKES: Final = f"stakesOf(address,uint256,uint256)({_STANDING}[])"
STAKES_PER_ESCROW: Final = 3
"""The board takes no more: whatever happens it can pay."""
MOST_SPAN: Final = 10_000
EXACT: Final = 2**53
_LONGEST_AMOUNT: Final = 30

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Round:
    """A round as the board shows it."""

    id: int
    sponsor: Address
    span: int
    closes_at: int
    resolves_at: int
    least: int
    most: int
    """What one forecaster may stake; no more than there is still room for."""
    realised: int | None
    text: bytes


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of a round that can be staked on; amounts are decimal text."""

    id: int
    forecast_bps: int
    """The mean, as far as it is believed: this is staked on."""
    read_bps: int
    """What the model says."""
    sd_bps: int
    """How sure it says it is."""
    span_bps: int
    least: str
    most: str
    closes_at: int
    over_at: int
    digest: str
    """The first 8 bytes of the text's SHA-256: the board keeps the text itself for ever."""
    text: str
    """Its printable words, or nothing when there is no room for them."""


@dataclass(frozen=True, slots=True)
class Due:
    """A stake of ours in a round that is over."""

    id: int
    forecast_bps: int
    realised_bps: int | None
    """None when nobody reported, so that the stake goes back."""
    stake: str
    due: str


@dataclass(frozen=True, slots=True)
class Past:
    """A round that is over, kept for whoever wants to learn to read: nobody stakes on it."""

    id: int
    realised_bps: int
    span_bps: int
    closes_at: int
    text: str


def rounds(first: int, rows: Json) -> list[Round]:
    """The board's rows, the first with this id."""
    return [_round(first + place, row) for place, row in enumerate(cast("list[Any]", rows))]


def _round(id_: int, row: Sequence[Any]) -> Round:
    sponsor, terms, escrow, staked, *_sums, realised, resolved, text = row
    _reporter, span, closes_at, resolves_at, _void_at, least, most = terms
    return Round(
        id=id_,
        sponsor=Address(sponsor),
        span=span,
        closes_at=closes_at,
        resolves_at=resolves_at,
        least=least,
        most=min(most, max(0, STAKES_PER_ESCROW * escrow - staked)),
        realised=realised if resolved else None,
        text=bytes.fromhex(text[2:]),
    )


def gain(stake: int, forecast: int, mean: float, span: int) -> int:
    """What a stake wins on average if the return's mean is `mean`: less than nothing, at times."""
    return int(stake * forecast * (2 * mean - forecast) / (3 * span * span))


def forecast_of(each: Round, believed: float, reading: Reading, words: str) -> Forecast:
    """What is kept of a reading."""
    return Forecast(
        id=each.id,
        forecast_bps=round(believed * reading.mean * each.span),
        read_bps=round(reading.mean * each.span),
        sd_bps=round(reading.sd * each.span),
        span_bps=each.span,
        least=str(each.least),
        most=str(each.most),
        closes_at=min(each.closes_at, EXACT - 1),
        over_at=min(each.resolves_at, EXACT - 1),
        digest=sha256(each.text).hexdigest()[:16],
        text=words,
    )


def past_of(each: Round, realised: int, words: str) -> Past:
    """What it said, and what followed as the board has it."""
    return Past(each.id, realised, each.span, min(each.closes_at, EXACT - 1), words)


def dues_of(standings: Sequence[Sequence[int]]) -> list[Due]:
    """Of the stakes that the board shows: those that are over and not lost whole, largest first."""
    due = [
        Due(id_, forecast, realised if resolved else None, str(amount), str(owed))
        for id_, amount, forecast, over, resolved, realised, owed in standings
        if over and owed
    ]
    return sorted(due, key=lambda each: (-int(each.due), each.id))


def forecasts_in(survey: Mapping[str, Json]) -> list[Forecast]:
    """What a survey found; what does not look like it is passed over."""
    return [each for each in _rows(Forecast, survey.get("rounds")) if _is_sound(each)]


def dues_in(survey: Mapping[str, Json]) -> list[Due]:
    return [
        each
        for each in _rows(Due, survey.get("claims"))
        if _is_whole(each.id) and _is_amount(each.due) and _is_amount(each.stake)
    ]


def past_in(survey: Mapping[str, Json]) -> list[Past]:
    """Rounds that a survey says are over; what cannot be one is passed over."""
    return [each for each in _rows(Past, survey.get("over")) if _is_past(each)]


def _rows(kind: type[T], found: Json) -> list[T]:
    rows = found if isinstance(found, list | tuple) else ()
    names = set(cast("Any", kind).__dataclass_fields__)
    return [kind(**row) for row in rows if isinstance(row, Mapping) and set(row) == names]


def _is_sound(each: Forecast) -> bool:
    whole = (each.id, each.span_bps, each.closes_at, each.over_at)
    return (
        all(map(_is_whole, whole))
        and each.span_bps <= MOST_SPAN
        and type(each.sd_bps) is int
        and type(each.forecast_bps) is int
        and abs(each.forecast_bps) <= each.span_bps
        and _is_amount(each.least)
        and _is_amount(each.most)
    )


def _is_past(each: Past) -> bool:
    whole = all(map(_is_whole, (each.id, each.span_bps, each.closes_at)))
    told = type(each.realised_bps) is int and isinstance(each.text, str)
    return whole and told and abs(each.realised_bps) <= each.span_bps <= MOST_SPAN


def _is_whole(number: object) -> bool:
    return type(number) is int and 0 < number < EXACT


def _is_amount(text: object) -> bool:
    return (
        isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _LONGEST_AMOUNT
    )
