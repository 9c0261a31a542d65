"""What each figure of a report means, in one line. Pure."""

from __future__ import annotations

from typing import Final

from telemetry.auditing.drawing.markup import Content, Markup, element
from world.reporting.shape import Figures

_LIVES: Final = (
    ("hours", "Mean of paid hours up to the horizon, by Kaplan and Meier's curve."),
    ("95 of 100", "Where the figure would lie 95 times of 100 had other worlds been drawn."),
    ("median", "The hour by which half of the lives had ended; none if more than half went on."),
    ("share of gap", "From a life that only holds (0%) to one that knows all to come (100%)."),
    ("worst to best", "The same had lives not seen to their end died at once, or lived on."),
    ("died", "Deaths seen: it could not pay, or had no lease for too long."),
    ("horizon", "Lives whose time was up; they might have gone on."),
    ("halted, lost", "Lives that their operator stopped, or whose log ends without an ending."),
    ("slept", "Lives at their horizon with less than 95% of it paid."),
    ("idle", "Share of all ticks on which it chose to hold."),
    ("audits ok", "Lives whose log holds, against the chain; faults are what was found wrong."),
    ("earned ÷ rent", "Above 1 a policy pays for its computer by its own work."),
)
_PAIRS: Final = (
    ("e-value", "The bet's gain by log-rank: at every death, whose was it, of all then alive?"),
    ("shown", "Whether the e-value is 20 or more: by luck alone at most 1 time of 20."),
    (
        "worst case",
        "The e-value had the first's lives not seen to their end died, the other's not.",
    ),
    ("by pairs", "The gain of a plainer bet: which of the two lasted longer in each world?"),
    ("hours more, ratio", "Difference and ratio of their mean hours, in the worlds of both."),
    ("worlds", "So many were bet on, in whole blocks of four; + those that wait for a block."),
)
_BACKTEST: Final = (
    ("rank correlation", "1 if backtest and live put all in the same order, 0 if in none."),
    ("± error", "Standard error of a figure, where it is known."),
)


def glossary(told: Figures) -> Markup | None:
    """Only of what is on the page."""
    groups = [*told["scenarios"]]
    entries = [
        *(_LIVES if groups else ()),
        *(_PAIRS if any(group["pairs"] for group in groups) else ()),
        *(_BACKTEST if told["backtest"] else ()),
    ]
    if not entries:
        return None
    inside: list[Content] = [
        element("div", element("dt", name), element("dd", meaning)) for name, meaning in entries
    ]
    return element(
        "section", element("h2", "What the figures mean"), element("dl", *inside), id="meaning"
    )
