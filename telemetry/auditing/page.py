"""An audit as one page to look at: the verdict, the life as it went, what it comes to.

The page needs nothing but itself. All that comes from a log is escaped, and should something slip
through, its own policy forbids it to run or to reach anywhere.
"""

from __future__ import annotations

import os
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from importlib.resources import files
from json import dumps
from pathlib import Path
from typing import Final

from telemetry.auditing.drawing import deeds, lease, means, tables
from telemetry.auditing.drawing.markup import Content, Markup, element
from telemetry.auditing.drawing.telling import banner, facts, headline, moments, name_of, story
from telemetry.auditing.drawing.view import Checked, View
from telemetry.auditing.timeline import Timeline

_DRAWING: Final = files("telemetry.auditing.drawing")
_ABOUT: Final = (
    "Forager is an agent that lives by its own wallet: it rents the computer it thinks on, earns "
    "on chain, writes all it sees, chooses and does into a signed public log, and dies when it "
    "cannot pay. This page shows one such life as its log tells it, and whether that log holds."
)


def page(checked: Checked, life: Timeline) -> str:
    """The whole document; it is XHTML as well as HTML."""
    view = View.of(checked, life)
    style, script = (_DRAWING.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    title = f"{name_of(checked)}: {headline(checked)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(style)),
    )
    body = element("body", _main(view), element("script", Markup(script)))
    whole = element("html", head, body, lang="en", xmlns="http://www.w3.org/1999/xhtml")
    return f"<!DOCTYPE html>\n{whole.text}\n"


def write_page(path: Path, checked: Checked, life: Timeline) -> None:
    """Put it in place whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(page(checked, life), "utf-8")
        fresh.replace(path)
    finally:
        with suppress(OSError):
            fresh.unlink()


def _main(view: View) -> Markup:
    return element(
        "main",
        element("header", element("h1", name_of(view.checked)), element("p", _ABOUT)),
        banner(view.checked),
        element("p", story(view), class_="story"),
        facts(view),
        _found(view),
        _timeline(view),
        _section("chosen", "What it chose", tables.choices(view)),
        _section("sent", "What it sent", tables.transactions(view), _unsettled(view)),
        _section("signed", "Its epochs", tables.epochs(view)),
        element("footer", element("p", _again(view.checked))),
    )


def _found(view: View) -> Markup:
    found = view.checked.verdict.findings
    if not found:
        return _section("found", "Findings", element("p", "None: neither faults nor notes."))
    return _section("found", "Findings", tables.findings(found))


def _timeline(view: View) -> Markup:
    unit = f"chain {view.axis.unit}"
    if not view.clock.on_chain:
        unit = f"{view.axis.unit} by the agent's own clock"
    return element(
        "section",
        element("h2", "Its life"),
        element("p", f"All charts share one axis: {unit} since birth."),
        element("output", class_="moment"),
        means.runway(view),
        means.money(view),
        means.gas(view),
        lease.lease(view),
        deeds.decisions(view),
        deeds.transactions(view),
        deeds.epochs(view),
        id="life",
        data_moments=dumps(moments(view)),
    )


def _unsettled(view: View) -> Markup | None:
    if not view.life.spent.tallies:
        return None
    said = (
        "Fees are those of transactions that settled in the log. What the birth and the last two "
        "transactions of an ending cost is in no record."
    )
    return element("p", said)


def _section(name: str, title: str, *inside: Content) -> Markup:
    return element("section", element("h2", title), *inside, id=name)


def _again(checked: Checked) -> str:
    how = "Made by forager audit with --html. Anyone can make it again from the log"
    return f"{how} and the chain." if checked.on_chain else f"{how}."
