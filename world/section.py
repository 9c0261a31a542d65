"""A table of a scenario file: frozen, and strict about every key."""

from __future__ import annotations

from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

NAME: Final = r"^[a-z][a-z0-9-]{0,30}$"


class Section(BaseModel):
    """A table of the file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")
