"""Words of a log, a gateway or a chain, before they are shown: others chose them."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 600


def printable(text: str, instead: str = "?") -> str:
    """Without the characters that control a screen or turn a line around."""
    return text if text.isprintable() else "".join(c if c.isprintable() else instead for c in text)


def tame(text: str, most: int = LONGEST, instead: str = "?") -> str:
    """The same, and short."""
    shown = printable(text[:most], instead)
    return shown if len(text) <= most else shown + "…"
