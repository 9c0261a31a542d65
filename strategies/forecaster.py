"""Forecasting: reading short news, and staking on what is expected where honesty pays most.

The life's own model reads each text (`reading`), is believed as far as its record goes (`trust`),
and what it then expects is staked as it is: the board's rule pays most for exactly that. A model
that has not learnt to read, or none at all, expects nothing, and nothing is offered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Final, cast

from chain.port import Reader
from chain.types import Json
from compute.errors import NoModel, Unanswerable
from compute.port import Scorer
from strategies import clippings, reading, trust
from strategies.addresses import address_of
from strategies.errors import BadOptions
from strategies.needs import Needs, Rule
from strategies.options import read_options
from strategies.port import Action, Places, Snapshot, Tools
from strategies.reading import Reading
from strategies.rent import LIVE
from strategies.rounds import (
    CLAIM,
    COUNT,
    FORECAST,
    ROUNDS,
    STAKES,
    Round,
    dues_in,
    dues_of,
    forecasts_in,
    rounds,
)
from strategies.staking import MOST_CLAIMS, Habits, claims, stakes

MOST_STAKES: Final = 64


@dataclass(frozen=True, slots=True)
class Options:
    """Addresses, and bounds; hours are chain hours."""

    board: str = ""
    """The ForecastBoard."""
    sponsors: tuple[str, ...] = ()
    """Whose rounds are entered: a sponsor names the reporter, who decides what stakes are worth."""
    scan_n: int = 60
    """So many of the newest rounds are looked through."""
    ask_n: int = 4
    """So many of the newest open ones are read in one tick."""
    record_n: int = 32
    """And so many that are over, to see how far the model is to be believed."""
    think_s: float = 2.0
    """No question is begun later than that."""
    lead_s: int = 1_800
    """A round that closes sooner is too late to stake on."""
    keep_h: int = 8
    """Hours of living that stay in hand."""
    sizes_pct: tuple[int, ...] = (25, 50, 100)
    """Parts of what is left that are offered as stakes."""
    bundle_n: int = 3
    """So many rounds are staked on at once."""
    least_micro: int = 20_000
    """Less than this, gas paid, is not worth the trouble."""
    authorization_s: int = 7_200
    """How long a signed stake may be used."""


class Forecaster:
    """Offers to stake on the news in up to three sizes, and to claim what is due."""

    name = "forecaster"

    def __init__(
        self, options: Options, scorer: Scorer | None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._options = options
        self._board = address_of("board", options.board)
        self._sponsors = frozenset(address_of("sponsors", each) for each in options.sponsors)
        if not self._sponsors:
            raise BadOptions("missing option", option="sponsors")
        self._scorer = scorer
        self._clock = clock
        self._habits = Habits(
            board=self._board,
            lead_s=options.lead_s,
            keep_h=options.keep_h,
            sizes_pct=options.sizes_pct,
            bundle_n=options.bundle_n,
            least_micro=options.least_micro,
            authorization_s=options.authorization_s,
        )

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:
        """What the model expects of the newest rounds, and what is due of earlier ones."""
        [entered], [count] = await asyncio.gather(
            read.call(self._board, STAKES, [seen.wallet, 0, MOST_STAKES]),
            read.call(self._board, COUNT),
        )
        first = max(1, cast("int", count) - self._options.scan_n + 1)
        [rows] = await read.call(self._board, ROUNDS, [first, self._options.scan_n])
        mine = cast("Sequence[Sequence[int]]", entered)
        known = [each for each in rounds(first, rows) if each.sponsor in self._sponsors]
        known.sort(key=lambda each: -each.id)
        fresh = [each for each in known if self._is_fresh(each, seen, {row[0] for row in mine})]
        believed, readings = await self._think(seen, fresh[: self._options.ask_n], known)
        told: dict[str, Json] = {
            "rounds": clippings.fresh(fresh, believed.slope, readings),
            "claims": [asdict(each) for each in dues_of(mine)[: 2 * MOST_CLAIMS]],
            "open_n": sum(not over for _, _, _, over, *_ in mine),
            "believed_pct": round(100 * believed.slope),
            "miss_pct": round(100 * min(1.0, believed.miss)),
            "tried_n": believed.tried,
        }
        return {**told, "over": clippings.over(known, told)}

    def propose(self, seen: Snapshot) -> Sequence[Action]:
        survey = seen.surveys.get(self.name, {})
        miss = survey.get("miss_pct")
        miss_pct = miss if type(miss) is int and 0 <= miss <= 100 else 100  # noqa: PLR2004
        return (
            *stakes(seen, self._habits, forecasts_in(survey), miss_pct),
            *claims(seen, self._habits, dues_in(survey)),
        )

    def _is_fresh(self, each: Round, seen: Snapshot, entered: set[int]) -> bool:
        """It takes a stake of ours, for a while yet."""
        in_time = each.closes_at >= seen.block.at + self._options.lead_s
        return in_time and each.most >= each.least and each.id not in entered

    async def _think(
        self, seen: Snapshot, fresh: Sequence[Round], known: Sequence[Round]
    ) -> tuple[trust.Trust, Mapping[int, Reading]]:
        """Nothing is asked when there is nothing to stake on, or no lease pays for thinking."""
        housed = seen.lease is not None and seen.lease.state in LIVE
        if not fresh or not housed or self._scorer is None:
            return trust.NONE, {}
        over = [each for each in known if each.realised is not None][: self._options.record_n]
        readings = await self._ask(self._scorer, (*fresh, *over))
        tried = [
            (readings[each.id].mean, each.realised / each.span)
            for each in over
            if each.realised is not None and each.id in readings
        ]
        return trust.judge(tried), readings

    async def _ask(self, scorer: Scorer, asked: Sequence[Round]) -> Mapping[int, Reading]:
        """One after the other until time is up; none is broken off, for that would cost the engine
        its process.
        """
        until = self._clock() + self._options.think_s
        found: dict[int, Reading] = {}
        for each in asked:
            if self._clock() >= until:
                break
            try:
                scores = await scorer.score(reading.prompt_for(each.text), reading.LABELS)
            except Unanswerable:
                continue
            except NoModel:
                break
            found[each.id] = reading.read(scores.logits)
        return found


def make(options: Mapping[str, Json], tools: Tools) -> Forecaster:
    return Forecaster(read_options(Options, options), tools.scorer)


def needs(options: Mapping[str, Json], places: Places) -> Needs:  # noqa: ARG001
    """Whoever stakes is paid himself; the board pays nobody else."""
    board = address_of("board", read_options(Options, options).board)
    return Needs((Rule(board, FORECAST), Rule(board, CLAIM)))
