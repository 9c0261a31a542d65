"""The one range of bytes that a request asks for, as RFC 9110 wants it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ONE: Final = re.compile(r"bytes=\s*(\d{0,15})-(\d{0,15})\s*")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last`, both of them in it, of `size`."""

    first: int
    last: int
    size: int

    def __str__(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.size}"


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """No byte of the range is there."""

    size: int

    def __str__(self) -> str:
        return f"bytes */{self.size}"


def span(header: str, if_range: str, etag: str, size: int) -> Span | OutOfReach | None:
    """What `Range` asks for; None for all of it.

    Several ranges, other units and nonsense are passed over, as a server may; so is the header if
    the client's earlier part was of something else.
    """
    asked = _ONE.fullmatch(header)
    if asked is None or asked.groups() == ("", "") or (if_range and if_range != etag):
        return None
    first, last = asked.groups()
    if not first:  # so many at the end
        start, stop = max(0, size - int(last)), size - 1
    else:
        start, stop = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
    return Span(start, stop, size) if start <= stop else OutOfReach(size)
