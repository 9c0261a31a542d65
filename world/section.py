"""A table of a scenario file: frozen, strict about every key, and of figures that a world can bear.

Bounds are wide. They keep out what is no figure (inf, nan, 10³⁰) and what would only run for ever,
fill the memory, or be refused by a contract long after the file was read.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

NAME: Final = r"^[a-z][a-z0-9-]{0,30}$"
MOST_H: Final = 100_000
MOST_MICRO: Final = 10**12

Hours = Annotated[float, Field(strict=True, gt=0, le=MOST_H)]
Lasting = Annotated[float, Field(strict=True, ge=0.1, le=10**9)]
"""Hours of a spell, on average: as good as for ever, but not so short that they never add up."""
PerHour = Annotated[float, Field(strict=True, ge=0, le=1000)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Spread = Annotated[float, Field(strict=True, ge=1, le=1000)]
Amount = Annotated[int, Field(strict=True, ge=0, le=MOST_MICRO)]
"""Micro-units of a token; and one that is not nothing:"""
Price = Annotated[int, Field(strict=True, gt=0, le=MOST_MICRO)]


class Section(BaseModel):
    """A table of the file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False
    )
