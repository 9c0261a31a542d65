"""A strategy's options: a frozen dataclass of numbers and texts, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar, get_args, get_origin, get_type_hints

from chain.types import Json
from strategies.errors import BadOptions

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def read_options(kind: type[T], given: Mapping[str, Json]) -> T:
    """Fill a dataclass whose fields are all int, float, bool, str or tuples of one of these."""
    hints = get_type_hints(kind)
    known = {field.name: hints[field.name] for field in fields(kind)}
    for name in given:
        if name not in known:
            nearest = get_close_matches(name, known, n=1, cutoff=0.0)
            raise BadOptions("unknown option", option=name, meant=nearest[0] if nearest else None)
    return kind(**{name: _read(name, known[name], value) for name, value in given.items()})


def _read(name: str, kind: object, value: Json) -> object:
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise BadOptions("wrong kind of option", option=name, wants="a list")
        return tuple(_read(name, get_args(kind)[0], item) for item in value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        wants = getattr(kind, "__name__", str(kind))
        raise BadOptions("wrong kind of option", option=name, wants=wants)
    if isinstance(value, int | float) and not 0 <= value < float("inf"):
        raise BadOptions("option out of range", option=name, wants="zero or more")
    return value
