"""Answers that were sold: told with their price and their payment, and held to both."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pyarrow.parquet as pq
import pytest
from lives import (
    MARKET,
    OPERATOR,
    REGISTRY,
    SEED,
    TOKEN,
    WALLET,
    FakeWitness,
    Teller,
    living,
    word,
)

from chain.authorized import Authorized
from telemetry.auditing import audit as audit_module
from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import Asked, audit
from telemetry.auditing.facts import Movement
from telemetry.draw import draw, log_probabilities
from telemetry.exporting.export import export

BUYER = MARKET
PRICE = 700
TX = word("sale")
NONCE = word("authorization")


def price(teller: Teller, price=PRICE, key="merchant.price", params=None) -> int:
    """A decision that chose a price."""
    chances = log_probabilities((-9.0, 9.0), 1.0, 0.0)
    seq = teller.tree.size
    params = {"price_micro": price} if params is None else params
    return teller.say(
        "decision",
        {
            "observation": {},
            "prompt": "",
            "menu": [
                {"key": name, "params": given, "summary": name}
                for name, given in (("hold.wait", {}), (key, params))
            ],
            "logprobs": list(chances),
            "chosen": draw(SEED, seq, chances),
            "epsilon": 0.0,
            "temperature": 1.0,
            "model": "reflex",
            "thought": None,
            "latency_ms": 1,
        },
    )


def sell(teller: Teller, because: int, /, **changes) -> int:
    told = {"asset": TOKEN, "amount": str(PRICE), "from": BUYER, "tx": TX, "why": "sold"}
    return teller.say("funds", told | {"nonce": NONCE, "because": because} | changes)


def paid(**changes) -> Authorized:
    """What the chain shows of an honest sale."""
    wallet = WALLET.address.lower()
    plain = Authorized(TOKEN.lower(), BUYER.lower(), NONCE, wallet, PRICE, TX, 12)
    return plain._replace(**changes)


def came(seen: Authorized) -> Movement:
    return Movement(seen.token, seen.payer, seen.value, seen.tx, seen.block)


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Faults and notes of a life that goes on, against what the chain shows of its sales."""
    numbers = count()

    async def run(teller, *seen, **changes):
        teller.seal()
        life, done = living(teller)
        done = replace(done, authorized=seen, into=tuple(map(came, seen)), **changes)

        @asynccontextmanager
        async def witness(*_):
            yield FakeWitness(life, done)

        monkeypatch.setattr(audit_module, "_witness", witness)
        folder = teller.write(tmp_path / f"{next(numbers)}")
        verdict = await audit(str(folder), rpc="http://chain", registry=REGISTRY)
        found = {"fault": set(), "note": set()}
        for finding in verdict.findings:
            found[finding.level].add(finding.kind)
        return found["fault"], found["note"]

    return run


def born() -> Teller:
    teller = Teller()
    teller.birth()
    return teller


async def test_a_sale_at_a_named_price_that_was_paid_is_no_gift(judged):
    teller = born()
    sell(teller, price(teller))
    faults, notes = await judged(teller, paid())
    assert faults == set()
    assert kinds.INFLOW not in notes


async def test_the_same_transfer_untold_is_a_gift(judged):
    teller = born()
    price(teller)
    faults, notes = await judged(teller, paid())
    assert (faults, kinds.INFLOW in notes) == (set(), True)


CHEATS = {
    "at another price": (lambda t: sell(t, price(t, PRICE + 1)), paid()),
    "at no price": (lambda t: sell(t, t.decide()), paid()),
    "at a price that was not chosen": (lambda t: sell(t, price(t, key="keeper.work")), paid()),
    "at a price that says no number": (lambda t: sell(t, price(t, params={})), paid()),
    "at a price that comes later": (lambda t: (sell(t, 2), price(t)), paid()),
    "to his operator": (
        lambda t: sell(t, price(t), **{"from": OPERATOR.address}),
        paid(payer=OPERATOR.address.lower()),
    ),
    "to himself": (
        lambda t: sell(t, price(t), **{"from": WALLET.address}),
        paid(payer=WALLET.address.lower()),
    ),
    "twice for one payment": (
        lambda t: [sell(t, because) for because in [price(t)] for _ in range(2)],
        paid(),
    ),
    "by another authorization": (lambda t: sell(t, price(t)), paid(nonce=word("other"))),
    "in another transaction": (lambda t: sell(t, price(t)), paid(tx=word("elsewhere"))),
    "by somebody else": (lambda t: sell(t, price(t)), paid(payer="0x" + "11" * 20)),
    "to somebody else": (lambda t: sell(t, price(t)), paid(payee="0x" + "11" * 20)),
    "for less than is said": (lambda t: sell(t, price(t)), paid(value=PRICE - 1)),
    "in another token": (lambda t: sell(t, price(t)), paid(token="0x" + "11" * 20)),
}


@pytest.mark.parametrize(("tell", "seen"), CHEATS.values(), ids=CHEATS)
async def test_nothing_is_sold(judged, tell, seen):
    teller = born()
    tell(teller)
    faults, _ = await judged(teller, seen)
    assert faults == {kinds.SALE}


@pytest.mark.parametrize(("later_s", "faults"), [(86_400, set()), (86_401, {kinds.SALE})])
async def test_an_old_price_stands_for_a_day_at_most(judged, later_s, faults):
    teller = born()
    old = price(teller)
    newer = price(teller, PRICE + 1)
    sell(teller, old)
    times = {10 + newer: 1000, 90: 1000 + later_s}
    assert (await judged(teller, paid(block=90), times=times))[0] == faults


async def test_a_sale_in_a_body_of_another_form_is_none(judged):
    teller = born()
    because = price(teller)
    for change in ({"nonce": "0x12"}, {"because": -1}, {"tx": None}, {"from": None}):
        sell(teller, because, **change)
    faults, _ = await judged(teller)
    assert faults == {kinds.BODY}


@pytest.mark.parametrize(
    "before",
    [
        ("halt", {"halt_id": 1, "reason": "x"}),
        ("heartbeat", {"ending": "died", "cause": "x"}),
        ("end", {"reason": "died", "cause": "x", "intents": []}),
    ],
)
async def test_a_price_is_decided_no_later_than_anything_else(tmp_path, before):
    """One finding for one record, as for any other decision."""
    teller = born()
    teller.say(*before)
    seq = price(teller)
    teller.seal()
    verdict = await audit(str(teller.write(tmp_path)))
    found = [finding for finding in verdict.findings if finding.kind == kinds.ORDER]
    assert [finding.record for finding in found] == [seq]


async def test_an_export_counts_sales_as_income(tmp_path, monkeypatch):
    income = []
    for told in (False, True):
        teller = born()
        because = price(teller)
        if told:
            sell(teller, because)
        teller.decide((9.0, -9.0, -9.0))
        teller.seal()
        life, done = living(teller)
        done = replace(done, authorized=(paid(),), into=(came(paid()),))

        @asynccontextmanager
        async def witness(*_, life=life, done=done):
            yield FakeWitness(life, done)

        monkeypatch.setattr(audit_module, "_witness", witness)
        folder, out = tmp_path / f"cars {told}", tmp_path / f"out {told}"
        folder.mkdir()
        asked = [Asked(str(teller.write(folder)), 1, None, "http://chain", REGISTRY)]
        exported = await export(asked, out, lambda _: None)
        assert exported.refused == []
        [life_row] = pq.read_table(out / "lives" / "lives.parquet").to_pylist()
        [part] = (out / "transitions").glob("*.parquet")
        row = pq.read_table(part).to_pylist()[0]
        income.append((row["income_micro"], row["gift_micro"], life_row["gift_micro"]))
    assert income == [(0, PRICE, PRICE), (PRICE, 0, 0)]
