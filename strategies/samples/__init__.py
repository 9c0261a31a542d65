"""Snapshots to try strategies on: a plain, healthy moment, and the ways it can be otherwise."""

from strategies.samples.desk import TOOLS
from strategies.samples.life import lease, offer, snapshot
from strategies.samples.moments import moments
from strategies.samples.places import (
    GUARDIAN,
    HOUR,
    HOURLY,
    NOW,
    PLACES,
    PROVIDER,
    RIVAL_PROVIDER,
    WALLET,
    address,
    rate,
)
from strategies.samples.surveys import (
    FORECASTER,
    SAVER,
    TRADER,
    due,
    forecast,
    job,
    news,
    quote,
    savings,
)

__all__ = [
    "FORECASTER",
    "GUARDIAN",
    "HOUR",
    "HOURLY",
    "NOW",
    "PLACES",
    "PROVIDER",
    "RIVAL_PROVIDER",
    "SAVER",
    "TOOLS",
    "TRADER",
    "WALLET",
    "address",
    "due",
    "forecast",
    "job",
    "lease",
    "moments",
    "news",
    "offer",
    "quote",
    "rate",
    "savings",
    "snapshot",
]
