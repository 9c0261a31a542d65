"""A report as one page that needs nothing but itself; no script runs in it. Pure.

Names in it were chosen by others, so all of them are escaped; and the page's own policy forbids
whatever might slip through to run, or to reach anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from telemetry.auditing.drawing.markup import Content, Markup, element, joined, tame
from telemetry.auditing.drawing.wording import count, plural
from world.reporting import tables
from world.reporting.curves import survival
from world.reporting.endings import endings
from world.reporting.frame import colours
from world.reporting.glossary import glossary
from world.reporting.means import means
from world.reporting.scatter import scatter
from world.reporting.shape import BacktestFigures, Figures, Group, Tally
from world.reporting.words import hours, lives

TITLE: Final = "How long they live"
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_FIRST: Final = "g0"
_ABOUT: Final = (
    "Forager is an agent that lives by its own wallet and dies when it cannot pay for the computer "
    "it thinks on. Here agents with different policies lived in the same worlds, each by itself; "
    "the longer they pay for themselves, the better. All hours are the chain's."
)
_EVIDENCE: Final = (
    "An e-value is what a bet against “both die alike” has made of 1: the more, the surer it is "
    "that the first lives longer. From 20 on it counts as shown. The verdict is the e-value in "
    "the first column of numbers, by log-rank; what the others mean is told below."
)


def page(told: Figures, *, title: str = TITLE, opening: Markup | None = None) -> str:
    """The whole document; it is XHTML as well as HTML. `opening` stands before all figures."""
    style = "".join(
        files(package).joinpath(name).read_text("utf-8")
        for package, name in (
            ("telemetry.auditing.drawing", "page.css"),
            ("world.reporting", "report.css"),
        )
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(style)),
    )
    body = element("body", _main(told, title, opening))
    whole = element("html", head, body, lang="en", xmlns="http://www.w3.org/1999/xhtml")
    return f"<!DOCTYPE html>\n{whole.text}\n"


def _main(told: Figures, title: str, opening: Markup | None) -> Markup:
    groups = [*([told["together"]] if told["together"] else []), *told["scenarios"]]
    backtest = told["backtest"]
    found = {point["policy"] for point in backtest["points"]} if backtest else set()
    kinds = colours(sorted({*told["policies"], *found}))
    return element(
        "main",
        element("header", element("h1", title), element("p", _ABOUT), _size(told)),
        opening,
        _banner(told["tally"]) if told["tally"] else None,
        _contents(groups, backtest) if len(groups) > 1 else None,
        *(_group(group, kinds, f"g{place}") for place, group in enumerate(groups)),
        _backtest(backtest, kinds) if backtest else None,
        glossary(told),
        element("footer", element("p", "Every figure of this page is in report.json beside it.")),
    )


def _size(told: Figures) -> Markup | None:
    if not told["lives"]:
        return None
    parts = (
        lives(told["lives"]),
        f"{count(len(told['policies']))} {'policy' if len(told['policies']) == 1 else 'policies'}",
        plural(told["worlds"], "world"),
        plural(len(told["scenarios"]), "scenario"),
    )
    return element("p", ", ".join(parts), ".")


def _banner(tally: Tally) -> Markup:
    whole = tally["scenarios"]
    over = ", ".join(
        f"{theirs} in {count(number)} of {count(whole)}" for theirs, number in tally["over"].items()
    )
    won = tally["over_all"] == whole
    title = f"{tally['ours']} outlives both in {count(tally['over_all'])} of "
    return element(
        "div",
        element("b", "✓" if won else "–", aria_hidden="true"),
        element(
            "div",
            element("h2", title, plural(whole, "scenario")),
            element("p", f"With an e-value of at least {tally['enough']} it outlives {over}."),
        ),
        class_=f"banner {'good' if won else 'open'}",
    )


def _contents(groups: list[Group], backtest: BacktestFigures | None) -> Markup:
    links: list[Content] = [
        element("a", tame(group["name"]), href=f"#g{place}") for place, group in enumerate(groups)
    ]
    if backtest:
        links.append(element("a", "backtest against live", href="#backtest"))
    return element("nav", *links)


def _group(group: Group, kinds: Mapping[str, str], name: str) -> Markup:
    return element(
        "section",
        element("h2", tame(group["name"])),
        element("p", _about(group)),
        means(group, kinds, f"{name}-means"),
        tables.lasted(group, kinds),
        survival(group, kinds, f"{name}-survival"),
        _evidence(group, kinds, explained=name == _FIRST),
        endings(group, f"{name}-ends"),
        tables.ends(group, kinds),
        element("h3", "Money of a mean life"),
        element(
            "p", "Tokens that came in and went out, from what it had at first to what was left."
        ),
        tables.money(group, kinds),
        id=name,
    )


def _about(group: Group) -> str:
    worlds = plural(group["worlds"], "world")
    if len(group["scenarios"]) > 1:
        return (
            f"All {worlds} of {len(group['scenarios'])} scenarios, watched up to the shortest "
            f"horizon of them, {hours(group['tau_h'])} h."
        )
    return f"{worlds[:1].upper()}{worlds[1:]}, watched for {hours(group['tau_h'])} h."


def _evidence(group: Group, kinds: Mapping[str, str], *, explained: bool) -> Markup | None:
    if not group["pairs"]:
        return None
    return joined(
        element("h3", "Who outlives whom"),
        element("p", _EVIDENCE) if explained else None,
        tables.pairs(group, kinds),
    )


def _backtest(told: BacktestFigures, kinds: Mapping[str, str]) -> Markup:
    return element(
        "section",
        element("h2", "Backtest against live"),
        element("p", tame(told["says"]), class_=f"says {'good' if told['agree'] else 'bad'}"),
        scatter(told, kinds, "backtest-scatter"),
        tables.backtest(told, kinds),
        id="backtest",
    )
