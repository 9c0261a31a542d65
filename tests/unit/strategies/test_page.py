"""docs/strategies.md names every option of the strategies it tells of, with its default."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from strategies import forecaster, merchant, saver, trader

PAGE = Path(__file__).parents[3] / "docs" / "strategies.md"
ROW = re.compile(r"^\| `(?P<key>[^`]+)` \| [^|]+ \| (?P<default>[^|]+) \|$", re.MULTILINE)


def shown(value: object) -> str:
    if value == "":
        return "needed"
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("trader", trader.Options),
        ("saver", saver.Options),
        ("merchant", merchant.Options),
        ("forecaster", forecaster.Options),
    ],
)
def test_every_option_stands_on_the_page_with_its_default(name, options):
    section = PAGE.read_text("utf-8").split(f"\n## {name}\n")[1].split("\n## ")[0]
    rows = {row["key"]: row["default"].replace(",", "") for row in ROW.finditer(section)}
    fields = dataclasses.fields(options)
    assert rows == {f.name: shown(f.default).replace(",", "") for f in fields}
