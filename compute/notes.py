"""What a provider remembers between its runs; the chain knows all the rest."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from chain.types import Address
from compute.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Notes:
    """Losing them costs a rescan of the chain, and forgets which agents had ended themselves."""

    offer: int = 0
    """0 before one was posted."""
    since: int = 0
    """Chain time at which the price path began."""
    floor: int = 1
    """No lease below this one needs anything any more."""
    ended: tuple[Address, ...] = ()


def load(path: Path) -> Notes:
    if not path.exists():
        return Notes()
    try:
        fields = json.loads(path.read_text("utf-8"))
        return Notes(**{**fields, "ended": tuple(fields["ended"])})
    except (ValueError, KeyError, TypeError) as fault:
        raise BadConfig("the provider's notes are damaged; remove them", file=str(path)) from fault


def save(path: Path, notes: Notes) -> None:
    """All or nothing: a half-written file is never read."""
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(notes), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
