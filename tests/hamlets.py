"""A small world to try things in: twelve hours, two kinds of work, two rivals, one house."""

from __future__ import annotations

from pathlib import Path

from world.scenario import Scenario, load_scenario

HAMLET = """
version = 2
name = "hamlet"
summary = "Small, and soon over."

[time]
horizon_h = 12
block_wall_s = 0.5
chain_seconds_per_wall_second = 3600

[endowment]
micro = 8_000_000
wei = 20_000_000_000_000_000
first_lease_h = 4

[[jobs]]
name = "errands"
window_h = [2, 5]
regimes = [
    { name = "usual", mean_h = 4, per_hour = 1.5, reward_micro = 1_500_000 },
    { name = "slack", mean_h = 3, per_hour = 0.5, reward_micro = 1_200_000 },
]

[[jobs]]
name = "gold"
early_share = 0
regimes = [{ name = "usual", mean_h = 6, per_hour = 0.7, reward_micro = 5_000_000 }]

[[rivals]]
name = "magpie"
reaction_h = 1.5
least_micro = 100_000

[[rivals]]
name = "fox"
policy = "accomplice"
jobs = ["gold"]

[[providers]]
name = "host"
regimes = [
    { name = "usual", mean_h = 5, hour_micro = 1_000_000 },
    { name = "dear", mean_h = 3, hour_micro = 1_400_000 },
]

[gas]
station_micro = 300_000_000
regimes = [
    { name = "calm", mean_h = 3, base_fee_wei = 500_000_000 },
    { name = "busy", mean_h = 2, base_fee_wei = 1_500_000_000 },
]
"""


def hamlet(folder: Path, *changes: tuple[str, str], name: str = "hamlet") -> Path:
    """The file, with pieces of its text changed."""
    text = HAMLET.replace('name = "hamlet"', f'name = "{name}"')
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def loaded(folder: Path, *changes: tuple[str, str], name: str = "hamlet") -> Scenario:
    return load_scenario(hamlet(folder, *changes, name=name))
