"""Many worlds, each with one whole life in it, in lockstep and without the live view.

From Python, one life is one call; `forager arena` and `world.arena.running` have many.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.genome import Genome
    from world.lived import Lived
    from world.scenario import Scenario


def run(
    scenario: Scenario | Path | str,
    genome: Genome,
    *,
    seed: int = 1,
    model: Path | None = None,
    logs: Path | None = None,
) -> Lived:
    """Let somebody of this genome live one whole life, and give its row of results.

    The scenario is one that ships, by name, or a file from anywhere. A genome names its model by
    digest, so `model` says where the file lies, unless it ships. The log's epochs are left in
    `logs`, if that is named.
    """
    from world.arena.one import live

    return live(scenario, genome, seed=seed, model=model, logs=logs)
