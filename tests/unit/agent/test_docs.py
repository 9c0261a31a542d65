"""The operator's page names every key there is, with the default it has."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from agent.cli import OWN
from agent.config import Config
from chain.signer_config import SignerConfig
from compute.provider_config import ProviderConfig
from strategies import keeper, thrift

PAGE = Path(__file__).parents[3] / "docs" / "operating.md"
NEEDED = "needed"
ROW = re.compile(r"^\| `(?P<key>[^`]+)` \| (?P<says>[^|]+) \| (?P<default>[^|]+) \|$", re.MULTILINE)


def keys_of(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Every key below a model, and its default as the file would have it."""
    for name, field in model.model_fields.items():
        inner = _tables(field.annotation)
        if not inner:
            default = NEEDED if field.default is PydanticUndefined else _shown(field.get_default())
            yield f"{above}{name}", default if field.default_factory is None else "none"
        for table in reversed(inner):  # of several kinds the first says what a key's default is
            yield from keys_of(table, f"{above}{name}.")


def signer_keys() -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(SignerConfig):
        default = NEEDED if field.default is dataclasses.MISSING else _shown(field.default)
        yield (
            field.name,
            {"allowed_uid": "own", "socket_mode": "0o600"}.get(field.name, default),
        )


def option_keys(name: str, options: type) -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(options):
        yield f"strategies.{name}.{field.name}", _shown(field.default)


def _tables(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for inner in get_args(annotation) for table in _tables(inner)]


def _shown(value: Any) -> str:
    if value is None or value in ((), {}, ""):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value.value if isinstance(value, Enum) else value)


def written(heading: str) -> dict[str, str]:
    text = PAGE.read_text("utf-8")
    assert f"### {heading}\n" in text
    section = text.split(f"### {heading}\n")[1].split("\n#")[0]
    return {row["key"]: row["default"].strip("` ") for row in ROW.finditer(section)}


OPTIONS = [*option_keys("thrift", thrift.Options), *option_keys("keeper", keeper.Options)]


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("forager.toml", [*keys_of(Config)]),
        ("Options of the strategies", OPTIONS),
        ("signer.toml", [*signer_keys()]),
        ("provider.toml", [*keys_of(ProviderConfig)]),
    ],
)
def test_every_key_stands_on_the_page_with_its_default(heading, keys):
    assert written(heading) == dict(keys)


def test_every_command_is_spoken_of():
    text = PAGE.read_text("utf-8")
    assert [name for name in OWN if f"forager {name}" not in text] == []
