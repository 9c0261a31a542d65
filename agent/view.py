"""Draws a life's status for a person: vitals, lease, decisions, transactions, telemetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

COLOUR: Final = {
    "thriving": "bright_green",
    "steady": "green",
    "lean": "yellow",
    "critical": "bright_red",
    "starving": "red",
}
BLOCKS: Final = "▏▎▍▌▋▊▉█"
LEAST_SHOWN: Final = 0.005
FOR_EVER_H: Final = 9_999
TWO_DAYS_H: Final = 48

Status = Mapping[str, Any]


def render(status: Status) -> RenderableType:
    """One screen, top to bottom in the order a worried operator asks."""
    return Group(
        _headline(status),
        _beside(_vitals(status), _lease(status)),
        _decisions(status["decisions"]),
        _transactions(status["transactions"]),
        _epochs(status["epochs"], status["records"]),
        *([_faults(status["faults"])] if status["faults"] else []),
    )


def money(micro: object) -> str:
    return f"{int(str(micro)) / 1e6:,.2f} USD"


def ether(wei: object) -> str:
    return f"{int(str(wei)) / 1e18:.5f} ETH"


def hours(value: float) -> str:
    if value >= FOR_EVER_H:
        return "∞"
    return f"{value:.1f} h" if value < TWO_DAYS_H else f"{value / 24:.1f} d"


def said(words: object, style: str = "") -> Text:
    """Words as they are, some of them strangers': no markup, nothing that a terminal obeys."""
    return Text("".join(c if c.isprintable() else "\ufffd" for c in str(words)), style=style)


def _beside(left: RenderableType, right: RenderableType) -> Table:
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(left, right)
    return grid


def _headline(status: Status) -> RenderableType:
    phase = str(status["phase"])
    text = Text.assemble(
        said(f" agent {status['agent']} ", "bold reverse"),
        said(f"  {status['wallet']}  "),
        said(phase, "bold red" if phase in {"halted", "ending"} else "bold"),
        said(f"  block {status['block']}  {status['placing']}  thinks with {status['model']}"),
    )
    if status.get("reason"):
        text.append_text(said(f"  {status['reason']}: {status['cause']}", "bold red"))
    return text


def _vitals(status: Status) -> Panel:
    feeling = str(status["vitals"])
    grid = Table.grid(padding=(0, 2))
    age = f"{hours(status['age_h'])} of {hours(status['horizon_h'])}"
    grid.add_row("vitals", said(feeling, f"bold {COLOUR.get(feeling, 'white')}"))
    grid.add_row("runway", f"{hours(status['runway_h'])}  {_bar(status['runway_h'] / 48)}")
    grid.add_row("money", money(status["micro"]) + ("  (stale)" if status["stale"] else ""))
    grid.add_row("gas", ether(status["wei"]))
    grid.add_row("burn", f"{money(status['burn'])}/h")
    grid.add_row("age", f"{age}  {_bar(status['age_h'] / max(status['horizon_h'], 1e-9))}")
    return Panel(grid, title="life", title_align="left", border_style=COLOUR.get(feeling, "white"))


def _lease(status: Status) -> Panel:
    lease = status["lease"]
    grid = Table.grid(padding=(0, 2))
    if lease is None:
        grid.add_row("none", f"for {hours(status['unleased_h'])}")
    else:
        grid.add_row("lease", said(f"{lease['id']}  {lease['state']}"))
        grid.add_row("price", f"{money(lease['micro_per_hour'])}/h")
        grid.add_row("paid for", f"{hours(lease['paid_h'])}  {_bar(lease['paid_h'] / 24)}")
        grid.add_row("escrow", money(lease["balance"]))
        grid.add_row("own end", f"in {hours(lease['ends_h'])}")
    if status["offers"]:
        grid.add_row("market", "  ".join(f"{money(rate)}/h" for rate in status["offers"][:3]))
    return Panel(grid, title="lease", title_align="left")


def _decisions(decisions: Sequence[Status]) -> Panel:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=6, justify="right", style="dim")
    table.add_column(ratio=5, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=6, no_wrap=True, overflow="ellipsis")
    table.add_column(width=16, style="dim")
    for decision in decisions[-7:]:
        menu = decision["menu"]
        chosen = menu[decision["chosen"]]
        ranked = sorted(menu, key=lambda entry: -entry["p"])
        odds = Text()
        for entry in ranked[:4]:
            if entry["p"] >= LEAST_SHOWN:
                style = "bold" if entry is chosen else "dim"
                chance = f"{_bar(entry['p'], 4)} {entry['p']:.0%} {entry['key']}  "
                odds.append_text(said(chance, style))
        table.add_row(
            f"#{decision['seq']}",
            said(chosen["summary"], "" if decision["chosen"] == 0 else "bold cyan"),
            odds,
            said(f"{decision['by']} {decision['latency_ms']} ms"),
        )
    return Panel(table, title="decisions", title_align="left")


def _transactions(transactions: Sequence[Status]) -> Panel:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=6, justify="right", style="dim")
    table.add_column(ratio=3, no_wrap=True)
    table.add_column(ratio=5, no_wrap=True, style="dim")
    table.add_column(width=10)
    table.add_column(width=16, justify="right")
    for sent in transactions[-6:]:
        style = {"settled": "green", "failed": "red"}.get(sent["state"], "yellow")
        fee = "" if sent["fee"] is None else ether(sent["fee"])
        table.add_row(
            *(f"n{sent['nonce']}", said(sent["key"]), said(sent["hash"])),
            *(said(sent["state"], style), fee),
        )
    return Panel(table, title="transactions", title_align="left")


def _epochs(epochs: Sequence[Status], records: int) -> Panel:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=6, justify="right", style="dim")
    table.add_column(ratio=5, no_wrap=True)
    table.add_column(ratio=4, no_wrap=True, style="dim")
    for epoch in epochs[-4:]:
        marks = [f"{epoch['size']} records so far"]
        marks += ["sent"] if epoch["sent"] else []
        marks += ["anchored"] if epoch["anchored"] else []
        table.add_row(f"e{epoch['epoch']}", said(epoch["cid"]), ", ".join(marks))
    return Panel(table, title=f"telemetry · {records} records", title_align="left")


def _faults(faults: Mapping[str, str]) -> Panel:
    lines = (said(f"{where}: {what}") for where, what in faults.items())
    return Panel(Group(*lines), title="not answering", title_align="left", border_style="yellow")


def _bar(share: float, width: int = 12) -> str:
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (BLOCKS[rest - 1] if rest else "")).ljust(width, "·")
