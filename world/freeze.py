"""What comparisons stand on, frozen: `python -m world.freeze` writes world/scenarios/frozen.json.

Scenarios by their digests and horizons, what happens in the first world of each (so that neither a
default nor a draw changes unseen), the figures of the heuristic, and generation 0. A test holds the
file to what there is. When it may be written anew is said in docs/worlds.md.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any, Final

from agent.models import FIRST, resolve
from compute.manifest import digest_file
from world.arena.plan import scenarios
from world.events import events
from world.heuristic import USUAL, Figures
from world.scenario import SHIPPED, load_scenario

FROZEN: Final = SHIPPED / "frozen.json"


def figures_digest(figures: Figures = USUAL) -> str:
    return _digest(json.dumps(asdict(figures), sort_keys=True))


def present() -> dict[str, Any]:
    """What the file should say."""
    made = [load_scenario(path) for path in scenarios(())]
    worlds: dict[str, Any] = {
        scenario.name: {
            "digest": scenario.digest,
            "events": _digest(repr(events(scenario, 1))),
            "horizon_h": scenario.time.horizon_h,
        }
        for scenario in made
    }
    return {
        "scenarios": worlds,
        "heuristic": figures_digest(),
        "generation0": digest_file(resolve(FIRST)),
    }


def _digest(text: str) -> str:
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    FROZEN.write_text(json.dumps(present(), indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
