"""The trader on paper: what the figures in docs/strategies.md are made with."""

from __future__ import annotations

from bench.trading import MONEY, PLACES, Place, live, nothing, reflex, walk

NOISY, NEWS = PLACES[0], PLACES[3]


def test_who_does_nothing_keeps_his_money():
    week = live(NOISY, 1, nothing)
    assert (week.worth, week.units, week.trades) == (MONEY, 0, 0)


def test_who_holds_the_other_token_has_what_it_is_worth():
    week = live(NEWS, 1, nothing, start_pct=30)
    assert week.micro == MONEY * 70 // 100
    assert week.worth == week.micro + week.pool.sell(week.units)


def test_the_same_week_is_lived_twice_alike():
    assert live(NOISY, 2, reflex) == live(NOISY, 2, reflex)


def test_gas_is_paid_for_trades_and_for_tries():
    free = Place(NEWS.name, NEWS.table, 0)
    paid, unpaid = (live(place, 3, walk(3, 0.5)) for place in (NEWS, free))
    assert paid.trades + paid.failed > 20
    assert paid.worth < unpaid.worth


def test_where_noise_is_left_standing_the_reflex_earns_much_more_than_where_all_is_news():
    noisy, news = ([live(place, seed, reflex) for seed in range(6)] for place in (NOISY, NEWS))
    assert all(week.worth > MONEY for week in noisy)
    assert sum(week.trades for week in news) < sum(week.trades for week in noisy) / 4
    gains = [sum(week.worth - MONEY for week in weeks) for weeks in (noisy, news)]
    assert gains[1] < gains[0] / 5
