"""The page on worlds names every key of a scenario file and every policy; the one on strategies
quotes a package that is tested."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from world.baselines import RULES
from world.scenario import Scenario
from world.tables import Policy

ROOT = Path(__file__).parents[3]
WORLDS = (ROOT / "docs" / "worlds.md").read_text("utf-8")
STRATEGY = (ROOT / "docs" / "writing-a-strategy.md").read_text("utf-8")
SIESTA = ROOT / "examples" / "forager-siesta"
ROW = re.compile(
    r"^\| `(?P<key>[^`]+)` \| (?P<says>[^|]+) \| `(?P<default>[^|]+)` \|$", re.MULTILINE
)
FENCED = re.compile(r"^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def keys_of(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Every key below a model, and its default as the file would have it."""
    for name, field in model.model_fields.items():
        inner = tables(field.annotation)
        if not inner:
            made = field.default_factory is not None
            yield f"{above}{name}", "none" if made else shown(field.default)
        for table in inner:
            yield from keys_of(table, f"{above}{name}.")


def tables(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for inner in get_args(annotation) for table in tables(inner)]


def shown(value: Any) -> str:
    if value is PydanticUndefined:
        return "needed"
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, tuple):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value.value if isinstance(value, Enum) else value)


def test_every_key_of_a_scenario_stands_on_the_page_with_its_default():
    section = WORLDS.split("## A scenario file\n")[1].split("\n### ")[0]
    written = {row["key"]: row["default"] for row in ROW.finditer(section)}
    assert written == dict(keys_of(Scenario))


def test_every_rule_and_every_rivals_policy_is_explained():
    for name in (*RULES, *Policy):
        assert re.search(rf"^\| `{name}` \| \S", WORLDS, re.MULTILINE), name


@pytest.mark.parametrize(
    "quoted", [found["code"] for found in FENCED.finditer(STRATEGY)], ids=lambda code: code[:40]
)
def test_what_the_page_on_strategies_quotes_is_in_the_package_word_for_word(quoted):
    files = [SIESTA / "pyproject.toml", *SIESTA.rglob("*.py")]
    assert any(quoted in path.read_text("utf-8") for path in files)


def test_it_quotes_something():
    kinds = [found["kind"] for found in FENCED.finditer(STRATEGY)]
    assert kinds.count("python") >= 5
    assert kinds.count("toml") == 1


@pytest.mark.parametrize("name", ["worlds.md", "writing-a-strategy.md"])
def test_no_link_of_these_pages_leads_nowhere(name):
    page = ROOT / "docs" / name
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
