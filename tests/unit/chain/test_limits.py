"""Limits: signed by the operator, judged without a clock, and kept over every window."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from desks import (
    FEES,
    MARKET,
    OPERATOR,
    PAYEE,
    REGISTRY,
    STRANGER,
    TAKE,
    TOKEN,
    WALLET,
    WHO,
    act,
    body,
    caps,
    end,
    pays,
    signed,
)
from hypothesis import given
from hypothesis import strategies as st

from chain import limits_file
from chain.contracts import TRANSFER
from chain.errors import BadLimits
from chain.limits import DAY_MS, HOUR_MS, WEI, Limits, Spent, judge, over
from chain.types import Call, Fees, Intent, Micro, Pull, Refused, Wei

NOW = 1_700_000_000_000


def limits(**changes) -> Limits:
    return limits_file.parse(body(**changes))


def ruling(intent: Intent, fees: Fees = FEES, spent=(), now: int = NOW, **changes):
    verdict = judge(intent, fees, spent, now, limits(**changes), who=WHO)
    return verdict.reason if isinstance(verdict, Refused) else dict(verdict)


# ---------------------------------------------------------------------------------- the file


def test_what_the_operator_signs_is_what_the_signer_reads():
    read = limits_file.read(signed(version=3), OPERATOR.address)
    assert (read.version, read.wallet, read.gas_max) == (3, WALLET.address, 1_000_000)
    assert read.digest == limits_file.digest_of(body(version=3))


def test_nobody_else_signs_limits_and_nobody_changes_them_afterwards():
    stranger = body(operator=STRANGER.address)
    with pytest.raises(BadLimits):
        limits_file.read(json.dumps(limits_file.sign(stranger, STRANGER)), OPERATOR.address)
    with pytest.raises(BadLimits):
        limits_file.sign(stranger, OPERATOR)
    file = json.loads(signed())
    file["limits"]["fee_max"] = str(10**13)
    with pytest.raises(BadLimits):
        limits_file.read(json.dumps(file), OPERATOR.address)


@pytest.mark.parametrize(
    "changes",
    [
        {"surprise": 1},
        {"fee_max": 5},
        {"fee_max": "5.0"},
        {"fee_max": "-5"},
        {"fee_max": "٣"},
        {"version": "1"},
        {"version": True},
        {"wallet": "0x12"},
        {"payees": ["nobody"]},
        {"payees": {}},
        {"tokens": []},
        {"tokens": {TOKEN: {"name": "x", "version": "1"}}},
        {"wei": caps(1, 5, 5, reserve=6)},
        {"rules": [{"to": REGISTRY, "function": "halt(uint256)"}]},
        {"rules": [{"to": TOKEN, "function": "approve(address,uint256)"}]},
        {"rules": [{"to": TOKEN, "function": TRANSFER, "spend": {"token": TOKEN, "arg": 1}}]},
        {
            "rules": [
                {"to": MARKET, "function": "f()", "spend": {"token": STRANGER.address, "arg": 0}}
            ]
        },
        {"rules": [{"to": MARKET}]},
        {"rules": [{"to": MARKET, "function": "f(address)", "payee": 0, "payees": []}]},
        {"rules": [{"to": MARKET, "function": "f(address)", "payee": 0, "payees": "all"}]},
        {"rules": [{"to": MARKET, "function": "f(address)", "payee": 0, "payees": ["nobody"]}]},
        {"rules": [{"to": MARKET, "function": "f(address)", "payee": 0, "payees": None}]},
        {"rules": [{"to": MARKET, "function": "f(address)", "payees": [PAYEE]}]},
        {"rules": [{"to": MARKET, "function": "f(address)", "payes": [PAYEE]}]},
        {"rules": 2 * [{"to": MARKET, "function": "f()"}]},
        {"rules": ["f()"]},
    ],
)
def test_limits_that_are_not_plainly_right_are_refused(changes):
    with pytest.raises(BadLimits) as caught:
        limits_file.sign(body(**changes), OPERATOR)
    assert caught.value.consequence == "stop"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"limits": 1.5}', "\x00", '{"limits": NaN}'])
def test_what_is_no_limits_file_is_refused(text):
    with pytest.raises(BadLimits):
        limits_file.read(text, OPERATOR.address)


def test_a_missing_key_is_refused():
    for key in body():
        with pytest.raises(BadLimits):
            limits_file.parse({k: v for k, v in body().items() if k != key})


# ------------------------------------------------------------------------------ one intent

TIGHT = {"wei": caps(1_000_005, 2_000_005, 3_000_005, reserve=500_000)}


@pytest.mark.parametrize(
    ("intent", "fees", "want"),
    [
        (act(1), FEES, {WEI: 1_000_000}),
        (pays(1), FEES, {WEI: 600_000, TOKEN: 5}),
        (pays(1, to=PAYEE.lower()), FEES, {WEI: 600_000, TOKEN: 5}),
        (pays(1, to=STRANGER.address), FEES, "payee"),
        (pays(1, to=OPERATOR.address), FEES, "payee"),
        (pays(1, to="$wallet"), FEES, "payee"),
        (pays(1, to="0x12"), FEES, "payee"),
        (pays(1, amount=-1), FEES, "arguments"),
        (pays(1, amount="5"), FEES, "arguments"),
        (pays(1, amount=True), FEES, "arguments"),
        (pays(1, amount=10**9 + 1), FEES, "per_action"),
        (act(1, Call(TOKEN, TRANSFER, (PAYEE,))), FEES, "arguments"),
        (act(1, Call(TOKEN, TRANSFER, ())), FEES, "payee"),
        (act(1, Call(TOKEN, "approve(address,uint256)", (PAYEE, 1))), FEES, "target"),
        (act(1, Call(STRANGER.address, "", value=Wei(1))), FEES, "target"),
        (act(1, Call(PAYEE, "", value=Wei(7))), FEES, {WEI: 210_007}),
        (act(1, Call(MARKET, "pong()")), FEES, "target"),
        (act(1, Call(MARKET, "ping(uint256,bytes32)", gas=10**6 + 1)), FEES, "gas_max"),
        (act(1), Fees(Wei(10**12 + 1), Wei(1)), "fee_max"),
        (act(1), Fees(Wei(10), Wei(11)), "fees"),
        (
            act(1, Call(MARKET, TAKE, ("$wallet", 1), pull=Pull(TOKEN, Micro(9), 5))),
            FEES,
            {WEI: 210_000, TOKEN: 9},
        ),
        (
            act(1, Call(MARKET, TAKE, ("$wallet", 1), pull=Pull(MARKET, Micro(9), 5))),
            FEES,
            "token",
        ),
        (
            act(1, Call(MARKET, TAKE, ("$wallet",), pull=Pull(TOKEN, Micro(10**9 + 1), 5))),
            FEES,
            "per_action",
        ),
    ],
)
def test_an_intent_is_judged_by_target_payee_and_worst_case(intent, fees, want):
    assert ruling(intent, fees) == want


PAYS_OTHERS = {
    "rules": [
        {"to": MARKET, "function": "own(address)", "payee": 0, "payees": [STRANGER.address]},
        {"to": MARKET, "function": "shared(address)", "payee": 0},
    ]
}


@pytest.mark.parametrize(
    ("function", "payee", "want"),
    [
        ("own(address)", STRANGER.address, {WEI: 210_000}),
        ("own(address)", STRANGER.address.lower(), {WEI: 210_000}),
        ("own(address)", PAYEE, "payee"),
        ("own(address)", OPERATOR.address, "payee"),
        ("own(address)", "$wallet", "payee"),
        ("shared(address)", PAYEE, {WEI: 210_000}),
        ("shared(address)", STRANGER.address, "payee"),
    ],
)
def test_a_rules_own_payees_are_paid_by_it_and_by_no_other(function, payee, want):
    assert ruling(act(1, Call(MARKET, function, (payee,))), **PAYS_OTHERS) == want


@pytest.mark.parametrize("power", range(1, 13))
def test_a_unit_error_is_refused(power):
    assert ruling(pays(1, amount=10**9 * 10**power)) == "per_action"
    assert ruling(act(1), Fees(Wei(10**12 * 10**power), Wei(1))) == "fee_max"


def test_money_to_the_operator_counts_its_gas_alone():
    home = pays(1, to=OPERATOR.address, amount=10**15, purpose="end")
    assert ruling(home) == {WEI: 600_000}
    ether = Intent("s", 1, "end", Call(OPERATOR.address, "", value=Wei(10**30), gas=21_000))
    assert ruling(ether) == {WEI: 210_000}
    assert ruling(replace(home, call=replace(home.call, to=STRANGER.address))) == "token"


@pytest.mark.parametrize("purpose", ["end", "drain"])
def test_what_any_contract_in_the_limits_holds_of_ours_may_go_home(purpose):
    """A vault's shares are no token of the limits, and go to the operator all the same."""
    home = Call(MARKET, TRANSFER, (OPERATOR.address, 10**30), gas=60_000)
    assert ruling(Intent("s", 1, purpose, home)) == {WEI: 600_000}
    assert ruling(Intent("s", 1, purpose, replace(home, to=STRANGER.address))) == "token"
    assert ruling(Intent("s", 1, "act", home)) == "target"


def test_the_reserve_is_for_the_ending():
    intent = act(1)
    assert ruling(intent, **TIGHT) == {WEI: 1_000_000}
    spent = [Spent(NOW, WEI, 600_000)]
    assert ruling(intent, spent=spent, **TIGHT) == "per_hour"
    assert ruling(end(), spent=spent, **TIGHT) == {WEI: 1_000_000}


# --------------------------------------------------------------------------------- windows


@pytest.mark.parametrize(
    ("age", "want"),
    [
        (0, "per_hour"),
        (HOUR_MS - 1, "per_hour"),
        (HOUR_MS, {WEI: 1_000_000}),
        (-5, "per_hour"),
    ],
)
def test_an_hour_is_over_after_an_hour(age, want):
    spent = [Spent(NOW - age, WEI, 1_500_000)]
    assert ruling(act(1), spent=spent, wei=caps(10**7, 2_000_000, 10**8)) == want


@pytest.mark.parametrize(("age", "want"), [(DAY_MS - 1, "per_day"), (DAY_MS, {WEI: 1_000_000})])
def test_a_day_is_over_after_a_day(age, want):
    spent = [Spent(NOW - age, WEI, 1_500_000)]
    assert ruling(act(1), spent=spent, wei=caps(10**7, 10**8, 2_000_000)) == want


def test_windows_of_one_asset_are_not_anothers():
    spent = [Spent(NOW, TOKEN, 10**12), Spent(NOW, WEI, 0)]
    assert ruling(act(1), spent=spent) == {WEI: 1_000_000}
    assert ruling(pays(2), spent=spent) == "per_hour"


STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.integers(0, 10),
            st.integers(HOUR_MS - 2, HOUR_MS + 2),
            st.integers(DAY_MS - HOUR_MS - 2, DAY_MS - HOUR_MS + 2),
            st.integers(0, DAY_MS),
        ),
        st.integers(1, 60),
        st.sampled_from(["act", "end"]),
    ),
    max_size=40,
)


@given(STEPS)
def test_no_window_of_any_length_ever_holds_more_than_its_cap(steps):
    """Bursts at the edges included: every half-open hour and day, wherever it begins."""
    cap = limits(wei=caps(50, 100, 150, reserve=20))
    now, spent = NOW, []
    for wait, amount, purpose in steps:
        now += wait
        if over(purpose, {WEI: amount}, spent, now, cap) is None:
            spent.append(Spent(now, WEI, amount))
            assert amount <= 50
    for first in spent:
        for length, most in ((HOUR_MS, 100), (DAY_MS, 150)):
            within = [s for s in spent if first.at <= s.at < first.at + length]
            assert sum(s.amount for s in within) <= most


@given(STEPS)
def test_time_alone_frees_budget(steps):
    """What was refused is taken once a day has passed, and never because of anything else."""
    cap = limits(wei=caps(50, 100, 150))
    now, spent = NOW, []
    for wait, amount, _ in steps:
        now += wait
        verdict = over("act", {WEI: amount}, spent, now, cap)
        if verdict is None:
            spent.append(Spent(now, WEI, amount))
        elif amount <= 50:
            assert over("act", {WEI: amount}, spent, now + DAY_MS, cap) is None
