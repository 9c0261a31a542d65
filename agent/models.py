"""Where a model file lies: the ones that ship, by name, or any GGUF by its path."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import compute
from agent.errors import BadConfig

BUILTIN: Final = "builtin:"
FIRST: Final = "builtin:g0"
"""Generation 0, which all others are bred from."""
USUAL: Final = "builtin:g1"
"""What an agent thinks with unless its operator says otherwise: the last generation that ships."""
SHIPPED: Final = Path(compute.__file__).parent / "models"


def resolve(name: str) -> Path:
    """The file that a config means by its `model`."""
    if name.startswith(BUILTIN):
        path = SHIPPED / f"forager-{name.removeprefix(BUILTIN)}.gguf"
        known = ", ".join(
            sorted(f"{BUILTIN}{p.stem.removeprefix('forager-')}" for p in SHIPPED.glob("*.gguf"))
        )
        advice = f"there are: {known}"
    else:
        path = Path(name).expanduser()
        advice = "mend mind.model, or rebuild the small one with make model"
    if not path.is_file():
        raise BadConfig(f"the model {name} is missing ({path})", advice)
    return path


def generation_of(name: str) -> int:
    """Of a model that ships, its number is its name; of another nobody knows better than 0."""
    number = name.removeprefix(f"{BUILTIN}g")
    return int(number) if number != name and number.isdecimal() else 0
