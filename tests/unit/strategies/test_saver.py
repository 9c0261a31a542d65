from __future__ import annotations

import pytest
from fakes import FakeReader
from snapshots import GUARDIAN, HOUR, NOW, PLACES, TOOLS, lease, snapshot

from chain.contracts import BALANCE_OF, TRANSFER
from chain.errors import Unreachable
from chain.types import WALLET, Block, Micro, Wei
from strategies.errors import BadOptions
from strategies.needs import Rule
from strategies.port import Holdings, Pending
from strategies.quotes import HISTORY
from strategies.samples import SAVER, savings
from strategies.saver import (
    DEPOSIT,
    MAX_DEPOSIT,
    MAX_REDEEM,
    PREVIEW_DEPOSIT,
    PREVIEW_REDEEM,
    PUT,
    REDEEM,
    TAKE,
    make,
    needs,
)
from strategies.savings import SCALE, hourly_of, savings_in

RICH = Holdings(Wei(10**17), Micro(100_000_000))
BROKE = Holdings(Wei(10**17), Micro(0))
BLOCK = Block(31337, 100, "0x00", NOW)


def seen_at(saved=None, **changes):
    changes = {"holdings": RICH, "gas_price": Wei(10**6), **changes}
    return snapshot(surveys={"saver": saved if saved is not None else savings()}, **changes)


def offered(seen, key="", **options):
    actions = make({**SAVER, **options}, TOOLS).propose(seen)
    return [action for action in actions if action.key.startswith(key)]


def best(seen):
    return max(offered(seen), key=lambda a: a.score)


# ------------------------------------------------------------------------------------ the survey


async def test_the_survey_asks_the_vault_what_is_there_and_the_diary_how_it_grew():
    read = FakeReader(
        BLOCK,
        {
            BALANCE_OF: [9_000],
            MAX_REDEEM: [4_000],
            MAX_DEPOSIT: [2**256 - 1],
            PREVIEW_DEPOSIT: lambda args: [args[0] * 2],
            PREVIEW_REDEEM: lambda args: [args[0] // 2 - 1],
            HISTORY: [[(NOW - 10 * HOUR, 10**6), (NOW, 10**6 + 500)]],
        },
    )
    assert await make(SAVER, TOOLS).survey(read, snapshot()) == {
        "shares": "9000",
        "free": "4000",
        "room": str(2**256 - 1),
        "worth": "4499",
        "liquid_micro": "1999",
        "issued": "2000000",
        "back": "999999",
        "hourly": 50 * SCALE // 10**6,
    }


def test_growth_is_an_hours_and_nothing_while_little_is_known():
    assert hourly_of([]) == 0
    assert hourly_of([(NOW, 5)]) == 0
    assert hourly_of([(NOW - HOUR, 10), (NOW, 20)]) == 0
    assert hourly_of([(NOW - 2 * HOUR, 10**6), (NOW, 10**6 + 2)]) == SCALE // 10**6
    assert hourly_of([(NOW - 2 * HOUR, 10**6), (NOW, 10**6 - 2)]) == -SCALE // 10**6
    assert hourly_of([(2**32 - HOUR, 10**6), (HOUR, 10**6 + 2)]) == SCALE // 10**6


@pytest.mark.parametrize(
    "odd", [{"shares": 5}, {"worth": "x"}, {"issued": "0"}, {"hourly": 0.5}, {"hourly": 2**60}]
)
def test_what_is_no_vault_is_passed_over(odd):
    assert savings_in(savings()) is not None
    assert savings_in({**savings(), **odd}) is None
    assert not offered(seen_at({**savings(), **odd}))


async def test_a_survey_lets_the_chains_faults_pass():
    with pytest.raises(Unreachable):
        await make(SAVER, TOOLS).survey(FakeReader(BLOCK, {}), snapshot())


async def test_no_more_is_to_be_had_at_once_than_all_there_is():
    """A vault may promise to redeem more than anybody has."""
    answers = {
        BALANCE_OF: [100],
        MAX_REDEEM: [2**255],
        MAX_DEPOSIT: [0],
        PREVIEW_DEPOSIT: [1],
        PREVIEW_REDEEM: lambda args: args,
        HISTORY: [[]],
    }
    survey = await make(SAVER, TOOLS).survey(FakeReader(BLOCK, answers), snapshot())
    assert survey["liquid_micro"] == "100"


# ---------------------------------------------------------------------------------------- putting


def test_only_what_is_idle_is_put_away_and_for_no_fewer_shares_than_promised():
    """A hundred dollars at one an hour, twelve hours kept."""
    half, all_ = offered(seen_at(), PUT)
    assert (half.params["size_micro"], all_.params["size_micro"]) == (44_000_000, 88_000_000)
    [call] = all_.calls
    least = 88_000_000 * 900 * 9_950 // 10_000
    assert (call.to, call.function) == (SAVER["desk"], DEPOSIT)
    assert call.args == ("$wallet", SAVER["vault"], 88_000_000, least, "$salt")
    assert (call.pull.token, call.pull.value) == (PLACES.token, 88_000_000)


def test_the_reflex_saves_where_the_yield_beats_the_way_and_not_elsewhere():
    assert best(seen_at()).key == PUT
    for saved in (savings(hourly=0), savings(hourly=10**5), savings(back="900000")):
        assert all(action.score < 0 for action in offered(seen_at(saved)))
    dear = seen_at(gas_price=Wei(10**10))
    assert all(action.score < 0 for action in offered(dear, PUT))


def test_no_more_is_put_in_than_the_vault_takes():
    *_, all_ = offered(seen_at(savings(room="3000000")), PUT)
    assert all_.params["size_micro"] == 3_000_000
    assert not offered(seen_at(savings(room="0")), PUT, least_micro=0)


def test_what_is_needed_sooner_earns_less():
    few, many = (
        offered(seen_at(horizon_s=10**7, holdings=Holdings(Wei(10**17), Micro(m))), PUT)[-1]
        for m in (20_000_000, 60_000_000)
    )
    assert few.params["stay_s"] == 4 * HOUR  # half of the eight dollars are needed by then
    assert many.params["stay_s"] == 24 * HOUR


def test_nothing_is_put_away_near_the_end_of_a_life():
    assert offered(seen_at(age_s=50 * HOUR), PUT)
    assert not offered(seen_at(age_s=66 * HOUR), PUT)


# ----------------------------------------------------------------------------------------- taking


@pytest.mark.parametrize(
    ("paid_h", "least", "most"), [(11, -3, -2), (7, -2, 0), (5, 0, 2), (3, 3, 5), (0.5, 7, 8)]
)
def test_money_comes_back_in_good_time_and_the_sooner_the_less_there_is(paid_h, least, most):
    """Blocks may be an hour apart: hours before rent is due it is already urgent."""
    seen = seen_at(savings(worth=50_000_000), holdings=BROKE, lease=lease(paid_h=paid_h))
    top = best(seen)
    assert top.key == TAKE
    assert least < top.score <= most


def test_nothing_is_taken_for_no_reason_however_little_that_costs():
    """A choice is drawn: what is only a little worse than waiting happens every third time."""
    takes = offered(seen_at(savings(worth=50_000_000)), TAKE)
    assert takes
    assert max(take.score for take in takes) < -2
    shrinking = offered(seen_at(savings(worth=50_000_000, hourly=-(10**10))), TAKE)
    assert max(take.score for take in shrinking) > 0


def test_what_comes_back_is_what_is_missing_and_all_of_it_is_second():
    seen = seen_at(savings(worth=50_000_000), holdings=BROKE, lease=lease(paid_h=1))
    part, all_ = offered(seen, TAKE)
    assert part.params["size_micro"] == 12_000_000
    assert all_.params["size_micro"] == 50_000_000
    assert part.score > all_.score > 0
    [call] = part.calls
    assert (call.to, call.function) == (SAVER["vault"], REDEEM)
    assert call.args == (12_000_000 * 900, "$wallet", "$wallet")
    assert call.pull is None


def test_no_more_is_taken_than_the_vault_would_pay_out():
    saved = savings(worth=50_000_000, free=str(3_000_000 * 900))
    [only] = offered(seen_at(saved, holdings=BROKE, lease=lease(paid_h=1)), TAKE)
    assert only.params["size_micro"] == 3_000_000


def test_with_money_in_hand_the_reflex_leaves_what_is_saved():
    assert all(action.score < 0 for action in offered(seen_at(), TAKE))


def test_a_vault_that_shrinks_is_left():
    top = best(seen_at(savings(worth=50_000_000, hourly=-(10**9))))
    assert top.key == TAKE
    assert top.score > 0
    assert top.params["saved_micro"] == 0


def test_at_the_end_of_a_life_all_comes_home():
    top = best(seen_at(age_s=68 * HOUR))
    assert (top.key, top.params["saved_micro"]) == (TAKE, 0)
    assert top.score == 6


def test_nothing_is_taken_that_its_gas_would_eat():
    assert not offered(seen_at(savings(worth=100_000), gas_price=Wei(10**9)), TAKE)


def test_one_way_at_a_time():
    for key in (PUT, TAKE):
        assert not offered(seen_at(in_flight=(Pending("1.0", key, 60),)))


# ----------------------------------------------------------------------------------------- limits


def test_what_it_needs_pays_the_vault_and_the_wallet_and_nobody_else():
    needed = needs(SAVER, PLACES)
    assert needed.rules == (
        Rule(SAVER["desk"], DEPOSIT, payee=1, payees=(SAVER["vault"],)),
        Rule(SAVER["vault"], REDEEM, payee=1, payees=(WALLET,)),
    )
    assert needed.tokens == ()


@pytest.mark.parametrize("missing", ["desk", "vault"])
def test_without_its_addresses_there_is_no_saver(missing):
    for asked in (lambda o: make(o, TOOLS), lambda o: needs(o, PLACES)):
        with pytest.raises(BadOptions, match=missing):
            asked({**SAVER, missing: ""})


def test_at_the_end_all_shares_go_to_the_operator_whatever_the_vault_could_pay():
    saver = make(SAVER, TOOLS)
    [call] = saver.parting(seen_at(savings(free="0")))
    assert (call.to, call.function) == (SAVER["vault"], TRANSFER)
    assert call.args == (GUARDIAN, int(savings()["shares"]))
    assert call.pull is None
    for nothing in (savings(worth=0), {}, {"shares": 7}, {"shares": "all"}, {"shares": "9" * 99}):
        assert saver.parting(seen_at(nothing)) == ()
