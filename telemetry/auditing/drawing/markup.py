"""Builds XHTML out of untrusted texts: whatever is not markup of ours is escaped. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from telemetry import others_words

LONGEST: Final = 700
UNSHOWN: Final = "\N{REPLACEMENT CHARACTER}"
_VOID: Final = frozenset(("meta", "br"))
"""Elements of HTML that have no end tag; all others must have one."""


@dataclass(frozen=True, slots=True)
class Markup:
    """Text in which everything is escaped that has to be."""

    text: str


Content = Markup | str | int | None
"""None is left out."""


def tame(text: str, most: int = LONGEST) -> str:
    """Others' words as the page shows them."""
    return others_words.tame(text, most, UNSHOWN)


def element(name: str, /, *inside: Content, **attributes: str | float | None) -> Markup:
    """`class_` is written class, `aria_label` aria-label; an attribute that is None is left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{told}/>")
    return Markup(f"<{name}{told}>{joined(*inside).text}</{name}>")


def joined(*parts: Content) -> Markup:
    return Markup("".join(map(_written, parts)))


def _written(part: Content) -> str:
    if part is None:
        return ""
    return part.text if isinstance(part, Markup) else _escaped(str(part))


def _escaped(text: str) -> str:
    return escape(tame(text, max(LONGEST, len(text))))
