from __future__ import annotations

import pytest
from snapshots import (
    GUARDIAN,
    HOUR,
    NOW,
    PLACES,
    PROVIDER,
    RIVAL_PROVIDER,
    TOOLS,
    address,
    asleep,
    lease,
    offer,
    rate,
    snapshot,
)

from chain.types import SALT, Micro, Wei
from chain.types import WALLET as PAYER
from compute.port import LeaseState
from strategies.port import Action, Holdings, Outcome, Placing, Snapshot
from strategies.thrift import make

RICH = Holdings(Wei(10**17), Micro(10**9))


def offered(seen: Snapshot, verb: str = "", **options: object) -> list[Action]:
    return [a for a in make(options, TOOLS).propose(seen) if a.key.startswith(f"thrift.{verb}")]


def best(seen: Snapshot) -> str:
    """What the reflex would do."""
    return max(offered(seen), key=lambda a: a.score, default=Action("", {}, "")).key


def with_lease(**changes: object) -> Snapshot:
    return snapshot(lease=lease(**changes), holdings=RICH)


def test_an_extension_is_paid_for_in_full_hours_and_rounded_up():
    [four, *_] = offered(with_lease(paid_h=1), "extend")
    [call] = four.calls
    assert four.params == {"deposit_micro": 4_000_000, "longer_s": 4 * HOUR, "paid_s": HOUR}
    assert call.pull is not None
    assert call.pull.value == 4_000_000


def test_the_reflex_extends_before_it_is_critical_and_not_long_before():
    scores = {h: max(a.score for a in offered(with_lease(paid_h=h), "extend")) for h in (1, 3, 10)}
    assert scores[1] > scores[3] > 2
    assert scores[10] < -2


def test_nothing_is_paid_beyond_the_leases_own_end():
    assert not offered(with_lease(paid_h=3, ends_h=3), "extend")
    [only] = offered(with_lease(paid_h=1, ends_h=3), "extend")
    assert only.params["longer_s"] == 2 * HOUR


def test_nothing_is_paid_beyond_this_lifes_own_end():
    seen = snapshot(age_s=70 * HOUR, lease=lease(paid_h=1), holdings=RICH)
    [only] = offered(seen, "extend")
    assert only.params["longer_s"] == 2 * HOUR  # two hours to go and one to spare, one paid


def test_the_last_money_buys_what_it_can():
    seen = snapshot(lease=lease(paid_h=1), holdings=Holdings(Wei(10**17), Micro(2_500_000)))
    [only] = offered(seen, "extend")
    assert only.params["longer_s"] == 9_000
    assert only.params["deposit_micro"] == 2_500_000


def test_with_stale_holdings_only_the_smallest_extension_is_offered():
    held = Holdings(Wei(10**17), Micro(10**9), stale=True)
    seen = snapshot(lease=lease(paid_h=1), holdings=held)
    assert [a.params["longer_s"] for a in offered(seen)] == [4 * HOUR]


def test_gas_money_is_not_spent_on_rent():
    seen = snapshot(lease=lease(paid_h=1), holdings=Holdings(Wei(10**15), Micro(4_000_000)))
    assert all(a.params["deposit_micro"] <= 3_000_000 for a in offered(seen, "extend"))


def test_an_embodied_life_renews_only_where_it_lives():
    near_the_end = lease(paid_h=1, ends_h=1)
    [renewal] = offered(snapshot(lease=near_the_end, holdings=RICH), "open")
    assert renewal.params["offer_n"] == 1
    abroad = (offer(2, provider=RIVAL_PROVIDER),)
    assert not offered(snapshot(lease=near_the_end, holdings=RICH, offers=abroad), "open")


def test_an_embodied_life_without_a_lease_knows_its_home_from_its_options():
    seen = snapshot(lease=None, holdings=RICH)
    assert not offered(seen, "open")
    assert offered(seen, "open", home=PROVIDER)


def test_no_second_lease_is_opened_while_the_first_can_be_extended():
    assert not offered(with_lease(paid_h=1), "open")
    assert not offered(with_lease(state=LeaseState.REQUESTED, paid_until=0), "open")
    waiting = {"thrift": {"other_n": 1}}
    seen = snapshot(lease=lease(paid_h=1, ends_h=1), holdings=RICH, surveys=waiting)
    assert not offered(seen, "open")


def test_an_embodied_life_never_leaves_a_living_lease():
    assert not offered(with_lease(), "close")
    assert offered(with_lease(state=LeaseState.LOST, paid_h=0, balance=Micro(9)), "close")


def test_a_remote_life_moves_for_a_real_saving():
    def leaving(hourly: int) -> float:
        cheap = (offer(2, hourly=hourly, provider=RIVAL_PROVIDER),)
        seen = snapshot(placing=Placing.REMOTE, lease=lease(), offers=cheap, holdings=RICH)
        [close] = offered(seen, "close")
        return close.score

    assert leaving(500_000) > 0 > leaving(950_000)


def test_a_remote_life_that_earns_too_little_would_rather_sleep():
    seen = snapshot(placing=Placing.REMOTE, lease=lease(paid_h=1), runway_h=1.0, offers=())
    [close] = offered(seen, "close")
    assert close.score > 0
    assert "sleep" in close.summary


def test_a_sleeper_wakes_when_it_can_pay_or_must():
    poor = Holdings(Wei(10**17), Micro(1_500_000))
    assert best(asleep(2)) == "thrift.open"
    assert offered(asleep(2, holdings=poor), "open")[0].score < 0
    assert offered(asleep(20, holdings=poor), "open")[0].score > 2


def test_a_new_lease_is_opened_at_the_offers_price_with_the_guardian():
    first = offered(asleep(2), "open")[0]
    [call] = first.calls
    manifest = snapshot().manifest
    assert call.args == (PAYER, 1, rate(1_000_000), 8_000_000, manifest, GUARDIAN, SALT)


def test_offers_that_do_not_fit_are_not_offered():
    full = offer(1, free=0)
    long = offer(2, min_s=100 * HOUR)
    short = offer(3, max_s=2 * HOUR, provider=address(9))
    [fits] = offered(asleep(2, offers=(full, long, short)), "open")
    assert fits.params["offer_n"] == 3
    assert fits.params["longer_s"] <= 2 * HOUR


def test_gas_is_bought_near_the_floor_at_no_less_than_the_slippage_allows():
    low = Holdings(Wei(10**15), Micro(100_000_000))
    refuel, more = offered(snapshot(holdings=low), "refuel")
    [call] = refuel.calls
    assert call.to == PLACES.gas_station
    assert call.function.startswith("buyWithAuthorization(address,uint256,uint256,bytes32,")
    assert call.args == ("$wallet", 8_000_000, 2_800_000_000_000_000, "$salt")
    assert call.pull is not None
    assert (call.pull.token, call.pull.value) == (PLACES.token, 8_000_000)
    assert call.pull.valid_before > NOW
    assert more.params["price_micro"] == 24_000_000


def test_no_gas_is_bought_for_less_than_the_buying_burns():
    """Or the last cents go, purchase by purchase, and the gas with them."""
    low = Wei(10**15)
    rich = snapshot(holdings=Holdings(low, Micro(10**9)))
    [buying] = {call.gas for action in offered(rich, "refuel") for call in action.calls}
    burnt = buying * rich.gas_price * rich.eth_price // 10**18
    assert not offered(snapshot(holdings=Holdings(low, Micro(2 * burnt))), "refuel")
    assert offered(snapshot(holdings=Holdings(low, Micro(4 * burnt))), "refuel")


@pytest.mark.parametrize(("wei", "wanted"), [(5 * 10**14, True), (10**16, False)])
def test_the_reflex_refuels_below_the_floor_only(wei, wanted):
    seen = snapshot(holdings=Holdings(Wei(wei), Micro(10_000_000)))
    assert (best(seen) == "thrift.refuel") is wanted


def test_what_failed_of_late_is_less_tempting():
    failed = tuple(Outcome("thrift.extend", ok=False, fee=Wei(1), ago_s=1) for _ in range(4))
    before = offered(with_lease(paid_h=1), "extend")[0]
    after = offered(snapshot(lease=lease(paid_h=1), holdings=RICH, recent=failed), "extend")[0]
    assert after.score == before.score - 2


async def test_the_survey_counts_the_other_leases_that_live_or_will():
    class Market:
        async def leases(self, read, tenant):
            return [
                lease(id=1),
                lease(id=2, state=LeaseState.REQUESTED),
                lease(id=3, state=LeaseState.LOST),
            ]

    tools = TOOLS.__class__(compute=Market())
    assert await make({}, tools).survey(None, snapshot()) == {"other_n": 1}
