"""A price that follows a path: from each moment after the start on, another rate."""

from __future__ import annotations

import json
import tomllib
from bisect import bisect_right
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from compute.errors import BadConfig

PricePath = tuple[tuple[int, int], ...]
"""(chain seconds since the start, rate), in order of time."""

_PATH: Final = TypeAdapter(PricePath)


def rate_at(path: PricePath, elapsed_s: int, before: int) -> int:
    """The rate that holds then; `before` until the path begins."""
    step = bisect_right([since for since, _ in path], elapsed_s)
    return path[step - 1][1] if step else before


def load_path(file: Path) -> PricePath:
    """A JSON list of pairs, or a TOML file with such a list under `path`."""
    text = file.read_text("utf-8")
    try:
        raw = tomllib.loads(text)["path"] if file.suffix == ".toml" else json.loads(text)
        path = _PATH.validate_python(raw)
    except (ValueError, KeyError, ValidationError) as fault:
        raise BadConfig(
            "the price path is not a list of [seconds, rate]", file=str(file)
        ) from fault
    if list(path) != sorted(path) or any(rate <= 0 for _, rate in path):
        raise BadConfig("the price path is not in order, or free of charge", file=str(file))
    return path
