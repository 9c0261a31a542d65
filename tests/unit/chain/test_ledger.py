"""The ledger: one file, one holder, all or nothing, and time that nobody can make."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from dataclasses import replace

import pytest
from desks import FEES, OPERATOR, Life, Machine, act, birth, body, caps, pays, resume

from chain.clock import Reading, Stamp, advance
from chain.errors import BadLimits, BadSettings, LedgerDamaged, LedgerFull, LedgerHeld
from chain.ledger import Ledger
from chain.limits import DAY_MS, HOUR_MS
from chain.types import Admitted, Refused

TIGHT = {"wei": caps(10**7, 2 * 10**6, 3 * 10**6)}
"""Room for two acts an hour and three a day."""


@pytest.fixture
def life(tmp_path):
    life = Life(tmp_path).born()
    yield life
    life.ledger.close()


def outcome(admission) -> str:
    return admission.reason if isinstance(admission, Refused) else f"nonce {admission.entry.nonce}"


def test_ten_who_ask_at_once_get_one_entry_and_one_of_them_fresh(life):
    start, found = threading.Barrier(10), []

    def ask():
        start.wait()
        found.append(life.desk.admit(act(1), FEES))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(admission.fresh for admission in found) == [False] * 9 + [True]
    assert len({admission.entry.attempts for admission in found}) == 1


def test_many_intents_at_once_share_no_nonce_and_no_budget(tmp_path):
    life = Life(tmp_path, body(wei=caps(10**7, 12_000_000, 12_000_000))).born()
    start, found = threading.Barrier(20), []

    def ask(number):
        start.wait()
        found.append(life.desk.admit(act(number), FEES))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    admitted = [a for a in found if isinstance(a, Admitted)]
    assert sorted(a.entry.nonce for a in admitted) == list(range(1, 8))  # birth took 5 million wei
    life.ledger.close()


def test_a_restart_remembers_everything(life):
    first = life.desk.admit(act(1), FEES)
    life.desk.halt("why")
    again = life.again()
    assert again.desk.entries(0)[1:] == [first.entry]
    assert again.desk.state().halted
    assert again.desk.admit(act(1), FEES) == replace(first, fresh=False)
    assert again.desk.state().next_nonce == 2
    again.ledger.close()


def test_a_second_holder_is_refused(life, tmp_path):
    with pytest.raises(LedgerHeld):
        Ledger(tmp_path / "ledger.sqlite", Machine())


def test_what_fails_half_way_leaves_nothing(life, monkeypatch):
    before = life.desk.entries(0)

    def fail(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("chain.transaction.Transaction.sign", fail)
        with pytest.raises(ZeroDivisionError):
            life.desk.admit(act(1), FEES)
    assert life.desk.entries(0) == before
    assert life.desk.admit(act(2), FEES).entry.nonce == 1


def test_a_full_disk_signs_nothing_and_says_so(life):
    pages = life.ledger._raw.execute("PRAGMA page_count").fetchone()[0]
    life.ledger._raw.execute(f"PRAGMA max_page_count={pages}")
    signed = 0
    with pytest.raises(LedgerFull) as caught:  # noqa: PT012 - how many fit is the disk's affair
        for number in range(1, 1000):
            life.desk.admit(act(number), FEES)
            signed = number
    assert caught.value.consequence == "retry"
    assert len(life.desk.entries(0)) == signed + 1
    life.ledger._raw.execute("PRAGMA max_page_count=1000000")
    assert life.desk.admit(act(signed + 1), FEES).entry.nonce == signed + 1


@pytest.mark.parametrize("at", [0, 100, 4096 * 1 + 8, 4096 * 2, 4096 * 3 + 3])
def test_a_damaged_file_is_not_signed_from(tmp_path, at):
    life = Life(tmp_path).born()
    for number in range(1, 40):
        life.desk.admit(act(number), FEES)
    life.ledger.close()
    path = tmp_path / "ledger.sqlite"
    data = bytearray(path.read_bytes())
    data[at : at + 64] = bytes(byte ^ 0xFF for byte in data[at : at + 64])
    path.write_bytes(data)
    with pytest.raises(LedgerDamaged) as caught:
        Life(tmp_path)
    assert caught.value.consequence == "stop"
    assert caught.value.advice


def test_a_gap_in_the_nonces_is_damage(life, tmp_path):
    for number in range(1, 4):
        life.desk.admit(act(number), FEES)
    life.ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as raw:
        raw.execute("DELETE FROM intents WHERE nonce = 2")
        raw.execute("DELETE FROM attempts WHERE nonce = 2")
    raw.close()
    with pytest.raises(LedgerDamaged):
        Life(tmp_path)


def test_amounts_are_decimal_text_however_large(tmp_path):
    life = Life(tmp_path, body(wei=caps(10**40, 10**40, 10**40), fee_max=str(10**30))).born()
    fees = replace(FEES, max_fee=10**30)
    life.desk.admit(act(1), fees)
    stored = life.ledger._raw.execute("SELECT amount, typeof(amount) FROM spent").fetchall()
    assert stored[-1] == (str(10**35), "text")
    life.ledger.close()


# ----------------------------------------------------------------------- copies and backups


def test_a_copied_ledger_signs_nothing_new_until_the_operator_says_so(life, tmp_path):
    known = life.desk.admit(act(1), FEES)
    life.ledger.close()
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "ledger.sqlite", tmp_path / "copy" / "ledger.sqlite")
    copy = Life(tmp_path / "copy")
    copy.hear()
    assert copy.desk.state().halt_reason == "this ledger is a copy or a restored backup"
    assert outcome(copy.desk.admit(act(2), FEES)) == "standing"
    assert copy.desk.admit(act(1), FEES) == replace(known, fresh=False)
    copy = copy.again()
    copy.hear()
    assert copy.desk.state().halt_id == 1, "one copy is one halt"
    assert copy.desk.resume(resume(1))
    assert outcome(copy.desk.admit(act(2), FEES)) == "nonce 2"
    copy = copy.again()
    assert not copy.desk.state().halted
    copy.ledger.close()


def test_a_ledger_that_lacks_the_birth_is_not_the_agents_own(tmp_path):
    life = Life(tmp_path)
    life.hear(agent=1)
    assert life.desk.state().halt_reason == "this ledger does not know the agent's birth"
    assert outcome(life.desk.admit(act(1), FEES)) == "standing"
    life.ledger.close()


def test_a_ledger_serves_one_wallet_and_limits_only_move_on(life, tmp_path):
    life = life.again(version=3)
    for version, fee_max, want in ((2, 10**12, BadLimits), (3, 10**11, BadLimits)):
        with pytest.raises(want):
            life.again(version=version, fee_max=str(fee_max))
    life = life.again(version=3).again(version=4, fee_max=str(10**11))
    assert life.desk.state().limits_version == 4
    with pytest.raises(BadSettings):
        life.again(version=5, chain_id=1)
    with pytest.raises(BadLimits):
        life.again(version=5, wallet=OPERATOR.address)


# -------------------------------------------------------------------------------------- time

DAY = 86_400_000


@pytest.mark.parametrize(
    ("seen", "passed"),
    [
        (Reading(1000, 500, "a"), 0),
        (Reading(1500, 1000, "a"), 500),
        (Reading(1500 + DAY, 1000, "a"), 500),
        (Reading(1500 - DAY, 1000, "a"), 500),
        (Reading(1500, 400, "a"), 0),
        (Reading(1700, 10, "b"), 700),
        (Reading(900, 10, "b"), 0),
    ],
)
def test_time_passes_as_the_machine_runs_and_as_the_wall_says_across_a_reboot(seen, passed):
    last = Stamp(7000, Reading(1000, 500, "a"))
    stamp = advance(last, seen)
    assert stamp.at == 7000 + passed
    assert Stamp.from_text(stamp.to_text()) == stamp


def test_the_first_reading_is_the_walls():
    assert advance(None, Reading(5, 6, "a")).at == 5


@pytest.mark.parametrize("leap", [DAY, -DAY, 10 * DAY])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_set_by_a_day_makes_no_fresh_budget(tmp_path, leap, restarts):
    life = Life(tmp_path, body(**TIGHT))
    life.hear(agent=0)
    life.machine.passes(1)
    assert outcome(life.desk.admit(birth(), replace(FEES, max_fee=1))) == "nonce 0"
    life.hear()
    assert outcome(life.desk.admit(act(1), FEES)) == "nonce 1"
    life.machine.wall += leap
    if restarts:
        life = life.again()
        life.hear()
    assert outcome(life.desk.admit(act(2), FEES)) == "per_hour"
    life.machine.passes(HOUR_MS)
    life.hear()
    assert outcome(life.desk.admit(act(2), FEES)) == "nonce 2"
    life.ledger.close()


def test_budget_comes_back_after_a_reboot_too(tmp_path):
    life = Life(tmp_path, body(tokens={}, rules=[], wei=caps(10**7, 10**7, 10**7))).born()
    assert outcome(life.desk.admit(pays(1), FEES)) == "target"
    life.machine.boot, life.machine.uptime = "boot-2", 5
    life.machine.wall += DAY_MS
    life = life.again()
    with life.ledger.exclusive() as tx:
        assert tx.window == ()
    life.ledger.close()
