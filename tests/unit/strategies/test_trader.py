from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from fakes import FakeReader
from hypothesis import given
from hypothesis import strategies as st
from snapshots import GUARDIAN, HOUR, NOW, PLACES, TOOLS, address, lease, snapshot

from chain.contracts import BALANCE_OF, TRANSFER
from chain.errors import Unreachable
from chain.types import Block, Micro, Wei
from strategies.errors import BadOptions
from strategies.needs import Rule
from strategies.pool import Pool, bought
from strategies.port import Holdings, Pending
from strategies.quotes import GET_RESERVES, HISTORY, ONE, SPAN_S, prices_of, quote_in
from strategies.reversion import AVERAGE_N, LEAST_N, signal
from strategies.samples import TRADER, quote
from strategies.trader import BUY, SELL, SWAP, make, needs

RICH = Holdings(Wei(10**17), Micro(100_000_000))
CHEAP, DEAR = -60_000, 60_000
PLAIN_GAS = {"gas_price": Wei(10**6)}


def seen_at(off=0, held=0, **changes):
    changes = {"holdings": RICH, **PLAIN_GAS, **changes}
    return snapshot(surveys={"trader": quote(off=off, held=held)}, **changes)


def offered(seen, key="", **options):
    actions = make({**TRADER, **options}, TOOLS).propose(seen)
    return [action for action in actions if action.key.startswith(key)]


# ------------------------------------------------------------------------------------- the pool


def test_a_trade_brings_what_uniswap_says():
    """The router's own example: 0.3 % are taken off, the rest moves the price."""
    assert bought(1_000, 10**6, 10**6) == 996
    assert bought(10**6, 10**6, 10**6) == 499_248


@given(st.integers(1, 10**15), st.integers(10**3, 10**15), st.integers(10**3, 10**15))
def test_no_trade_shrinks_the_product_of_a_pool(amount, micro, other):
    pool = Pool(micro, other)
    out = pool.buy(amount)
    assert (micro + amount) * (other - out) >= micro * other
    assert out < other


# ------------------------------------------------------------------------------------ the signal


def prices(n, step):
    dice = Random("prices")
    level, told = 1_000_000.0, []
    for _ in range(n):
        level = step(level, dice)
        told.append(int(level))
    return told


def returning(level, dice):
    return 1_000_000 + 0.5 * (level - 1_000_000) + dice.gauss(0, 10_000)


def wandering(level, dice):
    return level * (1 + dice.gauss(0, 0.01))


def test_a_price_that_came_back_every_time_is_expected_to_come_back():
    guess = signal(prices(60, returning), 950_000)
    assert guess.off < -0.04
    assert guess.returns > 0.5
    assert 0.02 < guess.expected < 0.06


def test_a_price_that_wanders_is_mostly_not_expected_to_come_back():
    shares = []
    for i in range(100):
        dice = Random(i)
        level, told = 1_000_000.0, []
        for _ in range(60):
            level = wandering(level, dice)
            told.append(int(level))
        shares.append(signal(told, told[-1]).returns)
    assert sum(share == 0 for share in shares) > 55
    assert sum(shares) / len(shares) < 0.2


def test_a_young_price_says_nothing():
    assert signal(prices(LEAST_N - 1, returning), 950_000).returns == 0
    assert signal(prices(AVERAGE_N - 1, returning), 950_000).off == 0
    assert signal((), 1).expected == 0
    assert signal((10**6,) * 60, 10**6).expected == 0


# ------------------------------------------------------------------------------------ the survey

BLOCK = Block(31337, 100, "0x00", NOW)


def notes(*steps, start=NOW - 100 * HOUR, total=7):
    """Seconds and the price of the first token in the second, one after the other."""
    told = [(start % 2**32, total % 2**224)]
    for seconds, price in steps:
        start, total = start + seconds, total + price * seconds
        told.append((start % 2**32, total % 2**224))
    return told


@pytest.mark.parametrize(("other", "now"), [(address(5), "3000"), (address(22), "1000")])
async def test_the_survey_reads_the_pool_whichever_token_comes_first(other, now):
    """The working token is address 11."""
    read = FakeReader(
        BLOCK,
        {
            GET_RESERVES: [1000, 3000, 5],
            HISTORY: lambda args: [notes((HOUR, 3 * ONE), (HOUR, 6 * ONE))],
            BALANCE_OF: [44],
        },
    )
    found = await make({**TRADER, "other": other}, TOOLS).survey(read, snapshot())
    assert found["micro"] == now
    assert found["held"] == "44"
    doubled = [1_000_000, 2_000_000] if other == address(5) else [1_000_000, 500_000]
    assert found["prices"] == doubled
    assert quote_in(found) is not None


def test_hours_are_averages_and_what_is_shorter_or_older_than_a_gap_is_left_out():
    steps = ((HOUR, ONE), (5 * HOUR, ONE), (HOUR, 2 * ONE), (2 * HOUR, 4 * ONE), (600, 9 * ONE))
    assert prices_of(notes(*steps), (5, 5), True) == [2_000_000, 4_000_000]


def test_sums_and_times_that_wrap_are_read_through():
    wrapping = notes((HOUR, ONE), (HOUR, 2 * ONE), start=2**32 - 5_000, total=2**224 - 9)
    assert prices_of(wrapping, (5, 5), True) == [1_000_000, 2_000_000]


def test_an_empty_pool_or_diary_has_no_prices():
    assert prices_of(notes((SPAN_S, ONE)), (0, 5), True) == []
    assert prices_of([], (5, 5), True) == []


async def test_a_survey_lets_the_chains_faults_pass():
    with pytest.raises(Unreachable):
        await make(TRADER, TOOLS).survey(FakeReader(BLOCK, {}), snapshot())


# ------------------------------------------------------------------------------------ the offers


def test_a_purchase_is_bounded_by_its_quote_less_the_slippage():
    *_, largest = offered(seen_at(CHEAP), BUY, slippage_pct=2.5)
    [call] = largest.calls
    quoted = Pool(5 * 10**10, 5 * 10**10).buy(2_000_000)
    desk, pair, other = TRADER["desk"], TRADER["pair"], TRADER["other"]
    least = quoted * 9_750 // 10_000
    assert (call.to, call.function) == (desk, SWAP)
    assert call.args == ("$wallet", pair, PLACES.token, other, 2_000_000, least, "$salt")
    assert (call.pull.token, call.pull.value) == (PLACES.token, 2_000_000)
    assert call.pull.valid_before == NOW + 7_200


def test_a_sale_pays_with_the_other_token():
    *_, largest = offered(seen_at(DEAR, held=3_000_000), SELL)
    [call] = largest.calls
    assert call.args[2:5] == (TRADER["other"], PLACES.token, 3_000_000)
    assert (call.pull.token, call.pull.value) == (TRADER["other"], 3_000_000)


def test_the_reflex_buys_what_is_cheap_and_sells_what_is_dear():
    def best(off):
        return max(offered(seen_at(off, held=5_000_000)), key=lambda a: a.score)

    assert (best(CHEAP).key, best(DEAR).key) == (BUY, SELL)
    assert best(CHEAP).score > 0 < best(DEAR).score
    assert all(action.score < 0 for action in offered(seen_at(0, held=5_000_000)))


def test_without_a_past_nothing_is_worth_doing():
    survey = {"trader": quote(off=CHEAP, held=5_000_000, prices=[])}
    seen = snapshot(surveys=survey, holdings=RICH, **PLAIN_GAS)
    assert all(action.score < 0 for action in offered(seen))


def test_costs_count_twice_for_a_purchase_and_gas_can_eat_any_edge():
    *_, buy = offered(seen_at(CHEAP), BUY)
    params = buy.params
    assert params["cost_micro"] == 2 * (params["impact_micro"] + params["gas_micro"])
    dear = seen_at(CHEAP, gas_price=Wei(10**9))
    assert all(action.score < 0 for action in offered(dear, BUY))


def test_nothing_is_bought_beyond_the_share_that_may_be_held():
    """A hundred dollars, thirty of which may be elsewhere."""
    wide = {"most_micro": 10**9, "other_per_action": 10**9}
    assert [a.params["size_micro"] for a in offered(seen_at(CHEAP), BUY, **wide)] == [
        7_500_000,
        15_000_000,
        30_000_000,
    ]
    full = seen_at(CHEAP, held=42_900_000)
    assert not offered(full, BUY, **wide)
    for action in offered(seen_at(CHEAP, held=10_000_000), BUY, **wide):
        assert action.params["held_pct"] <= 30


def test_money_to_live_on_is_never_traded_with():
    tight = Holdings(Wei(10**17), Micro(13_000_000))
    sizes = [a.params["size_micro"] for a in offered(seen_at(CHEAP, holdings=tight), BUY)]
    assert max(sizes) == 1_000_000  # a dollar an hour, twelve hours kept
    assert not offered(seen_at(CHEAP, holdings=replace(tight, micro=Micro(12_100_000))), BUY)


def test_when_rent_is_short_what_is_held_is_sold_at_any_price():
    poor = Holdings(Wei(10**17), Micro(0))
    late = seen_at(CHEAP, held=5_000_000, holdings=poor, lease=lease(paid_h=2))
    assert max(offered(late), key=lambda a: a.score).key == SELL
    assert max(action.score for action in offered(late, SELL)) > 4


def test_at_the_end_of_a_life_all_comes_home_and_nothing_goes_out():
    seen = seen_at(CHEAP, held=5_000_000, age_s=68 * HOUR)
    assert not offered(seen, BUY)
    assert max(action.score for action in offered(seen, SELL)) == 4


def test_one_trade_at_a_time():
    for key in (BUY, SELL):
        pending = (Pending("1.0", key, 60),)
        assert not offered(seen_at(CHEAP, held=5_000_000, in_flight=pending))


def test_gas_is_kept_for_the_next_refuelling():
    low = Holdings(Wei(6 * 10**14), Micro(100_000_000))
    assert not offered(seen_at(CHEAP, holdings=low, gas_price=Wei(10**9)))


def test_what_it_needs_is_one_call_to_one_pair():
    needed = needs({**TRADER, "other_per_day": 7}, PLACES)
    assert needed.rules == (Rule(TRADER["desk"], SWAP, payee=1, payees=(TRADER["pair"],)),)
    [token] = needed.tokens
    assert (token.address, token.name, token.version) == (TRADER["other"], "Test Euro", "1")
    assert token.per_day == 7


@pytest.mark.parametrize("missing", ["desk", "pair", "other"])
def test_without_its_addresses_there_is_no_trader(missing):
    for wrong in ("", "0x12", "nobody"):
        with pytest.raises(BadOptions, match=missing):
            make({**TRADER, missing: wrong}, TOOLS)
        with pytest.raises(BadOptions, match=missing):
            needs({**TRADER, missing: wrong}, PLACES)


@pytest.mark.parametrize("missing", ["other_name", "other_version"])
def test_no_limits_are_written_for_a_token_whose_domain_is_unknown(missing):
    with pytest.raises(BadOptions, match=missing):
        needs({**TRADER, missing: ""}, PLACES)


def test_addresses_are_read_however_they_are_written():
    lower = "0x" + "ab" * 20
    [rule] = needs({**TRADER, "desk": lower}, PLACES).rules
    assert rule.to != lower
    assert rule.to.lower() == lower


def test_no_trade_is_made_for_no_reason_however_little_it_costs():
    """A choice is drawn: what is only a little worse than waiting happens every third time."""
    trades = offered(seen_at(off=0, held=2_000_000))
    assert {trade.key for trade in trades} == {BUY, SELL}
    assert max(trade.score for trade in trades) < -2


def test_at_the_end_what_is_held_of_the_other_token_goes_to_the_operator():
    trader = make(TRADER, TOOLS)
    [call] = trader.parting(seen_at(held=7))
    assert (call.to, call.function, call.args) == (TRADER["other"], TRANSFER, (GUARDIAN, 7))
    assert trader.parting(seen_at(held=0)) == ()
    assert trader.parting(snapshot(surveys={})) == ()
