from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from agent.view import ether, hours, money, render, said

EMPTY = {
    "agent": 0,
    "wallet": "0x" + "1" * 40,
    "operator": "0x" + "2" * 40,
    "phase": "living",
    "reason": "",
    "cause": "",
    "placing": "embodied",
    "model": "builtin:g0",
    "gateway": "http://127.0.0.1:1",
    "serves": "http://127.0.0.1:1",
    "ticks": 0,
    "records": 1,
    "waiting_epochs": 0,
    "block": 0,
    "vitals": "unknown",
    "runway_h": 0.0,
    "wei": "0",
    "micro": "0",
    "stale": True,
    "burn": "0",
    "age_h": 0.0,
    "horizon_h": 72.0,
    "unleased_h": 0.0,
    "lease": None,
    "offers": [],
    "decisions": [],
    "transactions": [],
    "epochs": [],
    "faults": {},
}
LEASE = {
    "id": 3,
    "state": "active",
    "micro_per_hour": "1000000",
    "balance": "8000000",
    "paid_h": 8.0,
    "ends_h": 200.0,
}


def decision(seq: int, *menu: tuple[str, float], chosen: int = 0, **more: Any) -> dict[str, Any]:
    entries = [{"key": key, "summary": f"to {key}", "p": p} for key, p in menu]
    return {"seq": seq, "chosen": chosen, "menu": entries, "by": "model", "latency_ms": 12, **more}


def sent(nonce: int, state: str, fee: str | None, key: str = "thrift.extend") -> dict[str, Any]:
    return {
        "intent": f"{nonce}.0",
        "key": key,
        "nonce": nonce,
        "hash": "0x" + "ab" * 32,
        "state": state,
        "fee": fee,
    }


FULL = {
    **EMPTY,
    "agent": 2**53 - 1,
    "vitals": "steady",
    "block": 12_345_678,
    "runway_h": 28.25,
    "micro": str(10**24),
    "wei": str(10**30),
    "stale": False,
    "burn": "1002000",
    "age_h": 50.0,
    "lease": LEASE,
    "offers": ["1000000", "1300000", "1500000", "9000000"],
    "decisions": [
        decision(n, ("hold.wait", 0.7), ("keeper.work", 0.299), ("a.b", 0.001), chosen=n % 2)
        for n in range(9)
    ],
    "transactions": [
        sent(1, "settled", "21000000000000"),
        sent(2, "failed", "1"),
        sent(3, "mined", "1"),
        sent(4, "pending", None),
    ],
    "epochs": [
        {"epoch": n, "cid": "bafyrei" + "a" * 52, "size": n, "sent": n < 5, "anchored": n < 4}
        for n in range(6)
    ],
    "faults": {"offers": "No endpoint answered"},
}
STATUSES = {
    "empty": EMPTY,
    "full": FULL,
    "halted": {**FULL, "phase": "halted"},
    "ending": {**FULL, "phase": "ending", "reason": "died", "cause": "insolvent"},
    "ended": {**EMPTY, "phase": "ended", "reason": "horizon", "cause": "its time was up"},
    "asleep": {**FULL, "lease": None, "unleased_h": 30.0, "placing": "remote"},
    "for ever": {**FULL, "runway_h": 10_000.0, "vitals": "thriving"},
    "no horizon": {**FULL, "horizon_h": 0.0},
    "starving": {**FULL, "vitals": "starving", "runway_h": 0.0},
    "by reflex": {**FULL, "decisions": [decision(1, ("hold.wait", 1.0), by="reflex")]},
}


def drawn(status: dict[str, Any], width: int = 120) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system="truecolor")
    console.print(render(status))
    return out.getvalue()


def words(status: dict[str, Any], width: int = 120) -> str:
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(render(status))
    return out.getvalue()


@pytest.mark.parametrize("name", STATUSES)
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_status_is_drawn_within_its_width(name, width):
    text = words(STATUSES[name], width)
    assert text.count("\n") > 10
    assert all(len(line) <= width for line in text.splitlines())


def test_a_full_screen_says_what_an_operator_asks():
    text = words(FULL, 200)
    for part in (
        "steady",
        "28.2 h",
        "1.00 USD",
        "8.00 USD",
        "to keeper.work",
        "70% hold.wait",
        "n4",
        "pending",
        "0.00002 ETH",
        "e5",
        "sent, anchored",
        "offers: No endpoint answered",
    ):
        assert part in text, part
    assert "e1 " not in text  # only the newest few


EVIL = "[red]x[/red] [/nope] [link=http://x]y[/] \x1b[2J\x1b]0;z\x07 \r\n a\u202eb :boom:"


@pytest.mark.parametrize(
    "place",
    ["faults", "fault names", "summary", "key", "sent", "cause", "model", "lease", "cid", "wallet"],
)
@pytest.mark.parametrize("width", [60, 200])
def test_strangers_words_are_shown_and_not_obeyed(place, width):
    status: dict[str, Any] = {
        "faults": {"faults": {"survey s": EVIL}},
        "fault names": {"faults": {EVIL: "x"}},
        "summary": {
            "decisions": [
                decision(1, ("a.b", 1.0)) | {"menu": [{"key": "a.b", "summary": EVIL, "p": 1.0}]}
            ]
        },
        "key": {"decisions": [decision(1, (EVIL, 1.0))]},
        "sent": {"transactions": [sent(1, "mined", "1", key=EVIL)]},
        "cause": {"reason": "halted", "cause": EVIL},
        "model": {"model": EVIL},
        "lease": {"lease": {**LEASE, "state": EVIL}},
        "cid": {"epochs": [{"epoch": 1, "cid": EVIL, "size": 1, "sent": True, "anchored": False}]},
        "wallet": {"wallet": EVIL},
    }[place]
    text = drawn({**FULL, **status}, width)
    for obeyed in ("\x1b[2J", "\x1b]0", "\x07", "\r", "\u202e", "💥", "\x1b]8"):
        assert obeyed not in text
    if width == 200:
        assert "[red]x" in text


def test_words_keep_what_can_be_read():
    assert said("a\x1bb\nc é 漢").plain == "a\ufffdb\ufffdc é 漢"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.0 h"), (47.9, "47.9 h"), (48, "2.0 d"), (9_999, "∞")]
)
def test_hours_in_words(value, text):
    assert hours(value) == text


def test_amounts_in_words():
    assert money("1234567890") == "1,234.57 USD"
    assert ether(10**16) == "0.01000 ETH"
