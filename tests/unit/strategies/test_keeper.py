from __future__ import annotations

import pytest
from fakes import FakeReader
from snapshots import NOW, PLACES, TOOLS, job, snapshot

from chain.errors import Unreachable
from chain.types import Block, Micro, Simulation, Wei
from strategies.keeper import CHECK, COUNT, GAS_FOR, OPEN_JOBS, make
from strategies.port import Holdings, Outcome

BLOCK = Block(31337, 100, "0x00", NOW)


def work(seen, **options):
    return list(make(options, TOOLS).propose(seen))


def with_jobs(*jobs, **changes):
    return snapshot(surveys={"keeper": {"jobs": list(jobs)}}, **changes)


def row(reward, not_before=NOW, deadline=NOW + 100, work=10):
    nobody = "0x" + "00" * 20
    return [nobody, reward, not_before, deadline, work, "0x" + "00" * 32, nobody, False]


def done(ok, n):
    return tuple(Outcome("keeper.work", ok=ok, fee=Wei(1), ago_s=9) for _ in range(n))


def test_the_most_profitable_jobs_come_first_and_the_rest_are_left():
    seen = with_jobs(*(job(n, reward=n * 10**6) for n in range(1, 6)))
    assert [action.params["job_n"] for action in work(seen)] == [5, 4, 3]


def test_a_job_is_done_with_the_boards_own_words():
    [action] = work(snapshot())
    [call] = action.calls
    assert (call.to, call.function) == (PLACES.job_board, "performUpkeep(bytes)")
    assert call.args == ("0x" + "00" * 31 + "01",)
    assert call.gas == 250_000


@pytest.mark.parametrize(
    ("reward", "gas_price", "offered"),
    [(1_500_000, 10**9, True), (400_000, 10**9, False), (400_000, 10**8, True), (10_000, 1, False)],
)
def test_a_job_must_pay_more_than_its_gas(reward, gas_price, offered):
    assert bool(work(with_jobs(job(reward=reward), gas_price=Wei(gas_price)))) is offered


def test_any_worthwhile_job_beats_waiting_and_more_profit_beats_less():
    small, large = (
        work(with_jobs(job(reward=reward)))[0].score for reward in (700_000, 20_000_000)
    )
    assert 0 < small < large


def test_lost_races_make_a_job_less_attractive_and_won_ones_more():
    scores = [
        work(snapshot(recent=recent))[0].score
        for recent in (done(ok=False, n=5), (), done(ok=True, n=9))
    ]
    assert scores == sorted(scores)
    assert scores[0] < scores[2]


def test_gas_is_kept_for_the_next_refuelling():
    assert not work(snapshot(holdings=Holdings(Wei(5 * 10**14), Micro(10**7))))


def test_a_job_that_is_over_by_now_is_not_offered():
    assert not work(with_jobs(job(deadline=NOW)))


async def test_the_survey_tries_the_best_jobs_that_are_due():
    rows = {3: row(5), 4: row(9, not_before=NOW + 1), 5: row(7), 6: row(8), 7: row(6)}
    asked = []

    def check(args):
        asked.append(int(args[0], 16))
        return [int(args[0], 16) != 5, args[0]]

    read = FakeReader(
        BLOCK,
        {
            COUNT: [7],
            OPEN_JOBS: lambda args: [list(rows), list(rows.values()), 0],
            CHECK: check,
            GAS_FOR: [99_000],
        },
        simulations=lambda call: Simulation(call.args[0][-1] != "7", call.gas, ""),
    )
    found = await make({"check_n": 3}, TOOLS).survey(read, snapshot())
    assert asked == [6, 5, 7]  # the best rewards; the fourth is not due
    assert found == {"jobs": [{"id": 6, "reward": "8", "deadline": NOW + 100, "gas": 99_000}]}


async def test_only_the_newest_jobs_are_looked_through():
    pages = []
    read = FakeReader(
        BLOCK, {COUNT: [1000], OPEN_JOBS: lambda args: pages.append(args) or [[], [], 0]}
    )
    assert await make({"scan_n": 50}, TOOLS).survey(read, snapshot()) == {"jobs": []}
    assert pages == [[951, 50]]


async def test_a_survey_lets_the_chains_faults_pass():
    with pytest.raises(Unreachable):
        await make({}, TOOLS).survey(FakeReader(BLOCK, {}), snapshot())
