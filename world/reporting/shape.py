"""The shape of report.json: every figure on the page is one of these.

Hours are chain time, amounts are micro-units of the token for each life, errors are standard
errors, and a range is the low and the high end of what holds 95 times of 100. None says that there
is no such figure: too few worlds, no deaths, no bounds. Empty lists and groups are left out of the
page.
"""

from __future__ import annotations

from typing import TypedDict

Range = tuple[float, float]


class Curve(TypedDict):
    """The share alive from each hour on, and within which band that is known."""

    hours: list[float]
    alive: list[float]
    low: list[float]
    high: list[float]
    at_risk: list[int]
    """Lives watched just before that hour."""
    unseen_h: list[float]
    """Hours before `tau_h` at which a life was last seen alive."""


class Lasted(TypedDict):
    """The restricted mean: hours lived up to `tau_h`."""

    hours: float
    error_h: float
    by_formula: Range | None
    """Greenwood's variance, every life for itself."""
    by_world: Range | None
    """Whole worlds drawn anew; this one is on the page."""
    worst_h: float
    """Had each life that was halted, lost or slept died when it was last seen."""
    best_h: float
    """Had each of them lived on."""
    weighted_h: float | None
    """By the inverse chance of still being watched, scenario by scenario."""


class Gap(TypedDict):
    """The share of what lies between the passive and the clairvoyant bound."""

    share: float
    within: Range | None


class Ends(TypedDict):
    """Lives by how watching them ended."""

    died: int
    horizon: int
    halted: int
    lost: int
    slept: int
    """Of those that came to their horizon, with less than 95% of it paid."""


class Money(TypedDict):
    first: int
    earned: int
    gifts: int
    other_in: int
    rent: int
    gas: int
    other_out: int
    end: int


class PolicyFigures(TypedDict):
    policy: str
    lives: int
    worlds: int
    scenarios: int
    ends: Ends
    causes: dict[str, int]
    """Deaths by cause, the commonest first."""
    curve: Curve
    lasted: Lasted
    median_h: float | None
    gap: Gap | None
    money: Money
    """The mean life's."""
    earned_per_rent: float | None
    idle_share: float | None
    ticks: int
    transactions: int
    audits_ok: int
    faults: int


class LogRankFigures(TypedDict):
    died: int
    expected: float
    statistic: float
    p: float
    """Of one look; the evidence is what may be looked at again and again."""


class EvidenceFigures(TypedDict):
    """The e-value by log-rank: the verdict."""

    e: float
    highest: float
    shown: bool
    worst_case_e: float
    """Had ours that were halted, lost or slept died then, and theirs lived on."""
    worlds: int
    waiting: int


class CoinFigures(TypedDict):
    """The e-value by pairs, beside it."""

    e: float
    ours: int
    theirs: int
    open: int


class PairFigures(TypedDict):
    """Whether ours live longer than theirs, in the worlds in which both lived."""

    ours: str
    theirs: str
    worlds: int
    difference_h: float
    difference_within: Range | None
    ratio: float | None
    ratio_within: Range | None
    log_rank: LogRankFigures
    evidence: EvidenceFigures
    pairs: CoinFigures


class Group(TypedDict):
    """A scenario, or all of them together up to the shortest horizon."""

    name: str
    scenarios: list[str]
    worlds: int
    tau_h: float
    passive_h: float | None
    clairvoyant_h: float | None
    policies: list[PolicyFigures]
    """The longest lived first."""
    pairs: list[PairFigures]


class Tally(TypedDict):
    """In how many scenarios the evidence that ours live longer is enough."""

    ours: str
    enough: int
    scenarios: int
    over: dict[str, int]
    over_all: int
    """Over each of them at once."""


class Point(TypedDict):
    policy: str
    scenario: str
    backtest_h: float
    live_h: float
    backtest_error_h: float | None
    live_error_h: float | None


class Rank(TypedDict):
    """Spearman's rank correlation."""

    value: float
    within: Range | None


class Inverted(TypedDict):
    """The backtest has `better` live longer than `worse`; live it is the other way round."""

    scenario: str
    better: str
    worse: str
    backtest_h: float
    """By so much, and live by so much less than nothing."""
    live_h: float


class BacktestFigures(TypedDict):
    points: list[Point]
    rank: Rank | None
    inverted: list[Inverted]
    """Only where both differences are greater than their errors."""
    agree: bool
    says: str


class Figures(TypedDict):
    version: int
    lives: int
    worlds: int
    policies: list[str]
    together: Group | None
    """Only if there are several scenarios."""
    scenarios: list[Group]
    tally: Tally | None
    backtest: BacktestFigures | None
