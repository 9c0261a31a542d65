"""Says in one line, and one hint, what is wrong with a config: which key, where it came from."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from agent.errors import BadConfig

PREFIX: Final = "FORAGER_"
DEEPER: Final = "__"
LONGEST: Final = 60
"""So much of a wrong value is shown."""

Table = type[BaseModel]
Where = tuple[int | str, ...]


def know_variables(root: Table, names: Iterable[str]) -> None:
    """A misspelt override must not be passed over; other variables with our prefix may be."""
    for name in names:
        table, deeper, _ = name.upper().removeprefix(PREFIX).lower().partition(DEEPER)
        if name.upper().startswith(PREFIX) and deeper and table not in root.model_fields:
            near = difflib.get_close_matches(table, root.model_fields, n=1)
            hint = f"did you mean {PREFIX}{near[0].upper()}{DEEPER}…?" if near else "unset it"
            raise BadConfig(f"the environment: unknown table in {name}", hint)


def unparsed(words: str) -> tuple[str, str]:
    """Which variables may be the one that is no JSON; the library names the table alone."""
    table = words.partition('field "')[2].partition('"')[0]
    names = sorted(n for n in os.environ if n.upper().startswith(f"{PREFIX}{table.upper()}"))
    return f"the environment: {' or '.join(names)} is not JSON", "lists and tables must be"


def explain(root: Table, path: Path, fault: ValidationError) -> tuple[str, str]:
    """A key that is unknown first: it is the likeliest reason for one that is missing."""
    errors = fault.errors(include_url=False)
    first: Any = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    where, tables = _walk(root, first["loc"])
    source = _source(path, first["loc"])
    match first["type"]:
        case "extra_forbidden":
            _, beside = _walk(root, first["loc"][:-1])
            names = [name for table in beside for name in table.model_fields]
            return f"{source}: unknown key {where}", _near(str(first["loc"][-1]), names)
        case "missing":
            return f"{source}: {where} is missing", "add it"
        case "union_tag_invalid":
            kinds = [_tag(table) for table in tables]
            said = f"{source}: {where}.kind: input should be {' or '.join(map(repr, kinds))}"
            return said, _near(first["ctx"]["tag"], kinds, f"it is {first['ctx']['tag']!r} now")
        case "union_tag_not_found":
            return f"{source}: {where}: input should be a table", _now(first)
        case "tuple_type" if isinstance(first["input"], dict):
            return f"{source}: {where} is a list", f"write [[{where}]], or a list in [ ]"
    said = first["msg"].removeprefix("Value error, ")
    said = said[:1].lower() + said[1:]
    return f"{source}: {where}: {said}" if where else f"{source}: {said}", _now(first)


def _near(name: str, names: Iterable[str], otherwise: str = "remove it") -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def _now(fault: Any) -> str:
    """The wrong value, if it is one that a person can see at a glance."""
    value = repr(fault.get("input"))
    return f"it is {value} now" if len(value) <= LONGEST else "mend it"


def _source(path: Path, where: Where) -> str:
    """The variable that a wrong value comes from, or the file."""
    given = {name.upper(): name for name in os.environ}
    names = [
        PREFIX + DEEPER.join(str(part) for part in where[:length]).upper()
        for length in range(len(where), 0, -1)
    ]
    below = [name for name in given if where and name.startswith(names[0] + DEEPER)]
    for name in (*names, *below):
        if name in given:
            return f"the environment ({given[name]})"
    return str(path)


def _walk(root: Table, where: Where) -> tuple[str, list[Table]]:
    """The keys on the way, as a person wrote them, and the tables that may stand there.

    Where one of several kinds of table may stand, the library's way names the kind, too.
    """
    tables, keys = [root], list[str]()
    for part in where:
        kinds = {_tag(table): table for table in tables} if len(tables) > 1 else {}
        if part in kinds:
            tables = [kinds[str(part)]]
            continue
        keys.append(str(part))
        if isinstance(part, str):
            field = tables[0].model_fields.get(part) if tables else None
            tables = list(_tables(field.annotation)) if field else []
    return ".".join(keys), tables


def _tables(annotation: Any) -> Iterator[Table]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables(inner)


def _tag(table: Table) -> str:
    return str(table.model_fields["kind"].default)
