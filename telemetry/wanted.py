"""What a gateway is asked for, and how its answer calls itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal
from urllib.parse import quote, urlencode

from telemetry.cid import Cid

RAW: Final = "application/vnd.ipld.raw"
CAR: Final = "application/vnd.ipld.car"

Form = Literal["raw", "car"]
Scope = Literal["block", "entity", "all"]

_UNPRINTABLE: Final = re.compile(r'[^\x20-\x7e]|["\\]')


@dataclass(frozen=True, slots=True)
class Wanted:
    """A block, or a CAR of what a path crosses and ends in, with or without what that links to."""

    cid: Cid
    form: Form
    path: tuple[str, ...] = ()
    scope: Scope = "block"
    entity_bytes: str = ""
    dups: str = "n"
    filename: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    """As the client wrote it."""
    by_header: bool = False
    """Whether `Accept` said something that the query does not."""

    @property
    def etag(self) -> str:
        """Strong for named bytes; weak for a CAR, which another gateway may order otherwise."""
        if self.form == "raw":
            return f'"{self.cid}.raw"'
        below = sha256("/".join(self.path).encode()).hexdigest()[:16] if self.path else ""
        parts = (self.cid, below, "car", self.scope, self.entity_bytes, self.dups)
        return f'W/"{".".join(filter(None, parts))}"'

    @property
    def content_type(self) -> str:
        return RAW if self.form == "raw" else f"{CAR}; version=1; order=dfs; dups={self.dups}"

    @property
    def content_disposition(self) -> str:
        name = self.filename or f"{self.cid}.{'bin' if self.form == 'raw' else 'car'}"
        plain = _UNPRINTABLE.sub("_", name)
        as_it_is = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
        return f'attachment; filename="{plain}"{as_it_is}'

    @property
    def content_path(self) -> str:
        return "/".join(("/ipfs", self.cid, *(quote(name, safe="") for name in self.path)))

    @property
    def content_location(self) -> str | None:
        """The address that says it all, where the one that was asked for does not."""
        if not self.by_header:
            return None
        said: dict[str, str] = {"format": self.form}
        if self.form == "car":
            said |= {"car-version": "1", "car-order": "dfs", "car-dups": self.dups}
        return f"{self.content_path}?{urlencode(dict(self.query) | said)}"


@dataclass(frozen=True, slots=True)
class Declined:
    """An HTTP status and a line for the person who asked."""

    status: int
    text: str
