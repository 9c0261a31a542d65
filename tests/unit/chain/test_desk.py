"""The signer's decisions: births, heads, bumps, halts and what silence means."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from desks import (
    DOMAIN,
    FEES,
    LOG,
    MARKET,
    OPERATOR,
    PAYEE,
    REGISTRY,
    STRANGER,
    TOKEN,
    WALLET,
    Life,
    act,
    anchor,
    birth,
    body,
    caps,
    end,
    pays,
    resume,
)
from eth_abi.abi import encode
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from chain import permit
from chain.calldata import selector
from chain.contracts import ANCHOR, SERVE, TRANSFER
from chain.errors import LedgerDamaged
from chain.types import Address, Admitted, Attempt, Call, Fees, Intent, Refused, Wei

ROOT, PREV = b"\xab" * 32, b"\xcd" * 32
TEXT = "0x" + ROOT.hex()


@pytest.fixture
def life(tmp_path):
    life = Life(tmp_path).born()
    yield life
    life.ledger.close()


def outcome(verdict) -> object:
    match verdict:
        case Refused(reason=reason):
            return reason
        case Admitted(entry=entry):
            return entry.nonce
        case _:
            return verdict


# ------------------------------------------------------------------------------- signed bytes


def test_the_signed_bytes_are_those_eth_account_would_sign(life):
    intent = pays(1, amount=5)
    [attempt] = life.desk.admit(intent, FEES).entry.attempts
    data = selector(TRANSFER) + encode(["address", "uint256"], [PAYEE, 5])
    elsewhere = Account.sign_transaction(
        {
            "type": 2,
            "chainId": 31337,
            "nonce": 1,
            "maxFeePerGas": 10,
            "maxPriorityFeePerGas": 1,
            "gas": 60_000,
            "to": TOKEN,
            "value": 0,
            "data": data,
        },
        b"\x02" * 32,
    )
    assert attempt.raw == "0x" + elsewhere.raw_transaction.hex()
    assert attempt.hash == "0x" + elsewhere.hash.hex()


def test_asking_again_returns_the_same_bytes_whatever_is_asked_for(life):
    first = life.desk.admit(act(1), FEES)
    again = life.desk.admit(replace(act(2), id="1.0"), Fees(Wei(99), Wei(9)))
    assert again == replace(first, fresh=False)


def test_refusals_cost_no_nonce(life):
    assert outcome(life.desk.admit(pays(1, to=STRANGER.address), FEES)) == "payee"
    assert outcome(life.desk.admit(act(2), FEES)) == 1


def test_a_call_that_cannot_be_encoded_is_refused(life):
    bad = act(1, Call(act(1).call.to, act(1).call.function, (1,)))
    assert life.desk.admit(bad, FEES) == Refused("call", {"why": "the number of arguments differs"})


def test_a_call_that_no_record_could_tell_is_refused(tmp_path):
    function = "add_liquidity(uint256[2],uint256)"
    life = Life(tmp_path, body(rules=[{"to": MARKET, "function": function}])).born()
    pair = act(1, Call(MARKET, function, ([1, 2], 3)))
    assert outcome(life.desk.admit(pair, FEES)) == "call"
    life.ledger.close()


# --------------------------------------------------------------------------------------- birth


@pytest.mark.parametrize(
    ("intent", "want"),
    [
        (birth(), 0),
        (birth(signer=STRANGER), "permit"),
        (birth(wallet=STRANGER.address), "permit"),
        (birth(log_key=STRANGER.address), "permit"),
        (birth(operator=STRANGER.address, signer=STRANGER), "permit"),
        (replace(birth(), call=replace(birth().call, args=())), "permit"),
        (replace(birth(), call=replace(birth().call, args=(1, 2))), "permit"),
        (replace(birth(), call=replace(birth().call, args=([], "0x"))), "permit"),
        (act(1), "standing"),
        (anchor(0, 5, TEXT, agent=0), "standing"),
    ],
)
def test_before_birth_nothing_but_the_permitted_birth_is_signed(tmp_path, intent, want):
    life = Life(tmp_path)
    life.hear(agent=0)
    assert outcome(life.desk.admit(intent, FEES)) == want
    life.ledger.close()


def test_after_birth_there_is_no_second_one(life):
    assert outcome(life.desk.admit(replace(birth(nonce=8), id="again"), FEES)) == "standing"


def test_a_birth_is_awaited_until_the_chain_names_the_agent(tmp_path):
    life = Life(tmp_path)
    life.hear(agent=0)
    assert not life.desk.awaits_birth()
    life.desk.admit(birth(), FEES)
    assert life.desk.awaits_birth()
    life.hear(agent=7)
    assert not life.desk.awaits_birth()
    assert life.desk.state().agent == 7
    life.ledger.close()


def test_limits_for_another_agent_sign_nothing(tmp_path):
    life = Life(tmp_path, body(agent=2)).born()
    assert outcome(life.desk.admit(act(1), FEES)) == "agent"
    life.ledger.close()


# ------------------------------------------------------------------------------------- silence


def test_without_an_answer_of_the_chain_nothing_new_is_signed(tmp_path):
    life = Life(tmp_path)
    assert outcome(life.desk.admit(birth(), FEES)) == "chain_silent"
    life.ledger.close()


def test_silence_of_five_minutes_stops_new_intents_and_an_answer_starts_them(life):
    life.machine.passes(300_000)
    assert outcome(life.desk.admit(act(1), FEES)) == 1
    life.machine.passes(1)
    assert outcome(life.desk.admit(act(2), FEES)) == "chain_silent"
    assert life.desk.admit(act(1), FEES).fresh is False
    assert isinstance(life.desk.bump("1.0", Fees(Wei(20), Wei(2))), Attempt)
    life.hear()
    assert outcome(life.desk.admit(act(2), FEES)) == 2


# --------------------------------------------------------------------------------------- bumps


@pytest.mark.parametrize(
    ("max_fee", "priority", "want"),
    [
        (12, 2, True),
        (90, 9, True),
        (11, 2, "bump"),
        (12, 1, "bump"),
        (9, 2, "bump"),
        (12, 13, "fees"),
        (10**12 + 1, 2, "fee_max"),
        (10, 1, True),
    ],
)
def test_a_bump_raises_both_fees_by_an_eighth_and_nothing_else(life, max_fee, priority, want):
    entry = life.desk.admit(act(1), FEES).entry
    verdict = life.desk.bump("1.0", Fees(Wei(max_fee), Wei(priority)))
    if want is not True:
        assert outcome(verdict) == want
        return
    assert verdict == life.desk.bump("1.0", Fees(Wei(max_fee), Wei(priority)))
    [known] = life.desk.entries(1)
    assert known.nonce == entry.nonce
    assert known.attempts[-1] == verdict
    assert Account.recover_transaction(verdict.raw) == WALLET.address


def test_a_bump_counts_what_it_may_cost_more(tmp_path):
    life = Life(tmp_path, body(wei=caps(10**7, 8_000_000, 8_000_000))).born()
    life.desk.admit(act(1), FEES)  # with the birth 6,000,000
    assert isinstance(life.desk.bump("1.0", Fees(Wei(30), Wei(2))), Attempt)  # and 2,000,000
    assert outcome(life.desk.bump("1.0", Fees(Wei(40), Wei(3)))) == "per_hour"
    assert outcome(life.desk.admit(act(2), FEES)) == "per_hour"
    life.ledger.close()


def test_a_bump_of_nothing_is_refused(life):
    assert outcome(life.desk.bump("9.9", FEES)) == "unknown_intent"


def test_a_call_that_changed_on_disk_is_never_signed_again(life):
    life.desk.admit(pays(1, amount=5), FEES)
    life.ledger._raw.execute("""UPDATE intents SET call = replace(call, ',5]', ',6]')""")
    with pytest.raises(LedgerDamaged):
        life.desk.bump("1.0", Fees(Wei(20), Wei(2)))


def test_signed_bytes_that_changed_on_disk_never_leave(life):
    life.desk.admit(act(1), FEES)
    life.ledger._raw.execute("UPDATE attempts SET raw = replace(raw, '02f8', '02f9')")
    with pytest.raises(LedgerDamaged):
        life.desk.entries(0)


# --------------------------------------------------------------------------------------- heads


def test_an_epoch_has_one_head_and_one_signature(life):
    signature = life.desk.checkpoint(0, 5, ROOT, bytes(32))
    head = permit.Checkpoint(1, 0, 5, ROOT, bytes(32))
    assert permit.signed_by(DOMAIN, head, signature) == LOG.address
    assert life.desk.checkpoint(0, 5, ROOT, bytes(32)) == signature
    for size, root, prev in ((6, ROOT, bytes(32)), (5, PREV, bytes(32)), (5, ROOT, PREV)):
        assert outcome(life.desk.checkpoint(0, size, root, prev)) == "other_head"
    again = life.again()
    assert again.desk.checkpoint(0, 5, ROOT, bytes(32)) == signature
    again.ledger.close()


@pytest.mark.parametrize(
    ("epoch", "size", "want"),
    [
        (1, 6, None),
        (1, 5 + 4096, None),
        (1, 5, "out_of_turn"),
        (1, 4, "out_of_turn"),
        (1, 5 + 4097, "out_of_turn"),
        (2, 6, "out_of_turn"),
    ],
)
def test_heads_follow_one_another_and_only_grow(life, epoch, size, want):
    life.desk.checkpoint(0, 5, ROOT, bytes(32))
    verdict = life.desk.checkpoint(epoch, size, ROOT, PREV)
    assert isinstance(verdict, bytes) if want is None else outcome(verdict) == want


def test_an_unborn_life_has_no_head(tmp_path):
    life = Life(tmp_path)
    assert outcome(life.desk.checkpoint(0, 5, ROOT, bytes(32))) == "standing"
    life.ledger.close()


def test_racing_publishers_get_one_root_between_them(life):
    start, found = threading.Barrier(8), []

    def publish(root):
        start.wait()
        found.extend(life.desk.checkpoint(epoch, epoch + 1, root, PREV) for epoch in range(20))

    threads = [threading.Thread(target=publish, args=(bytes([n]) * 32,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(verdict, bytes) for verdict in found) == 20
    with life.ledger.exclusive() as tx:
        assert tx.checkpoint().epoch == 19


def test_only_a_head_that_was_signed_is_anchored(life):
    assert outcome(life.desk.admit(anchor(0, 5, TEXT), FEES)) == "unsigned_head"
    life.desk.checkpoint(0, 5, ROOT, bytes(32))
    assert outcome(life.desk.admit(anchor(0, 6, TEXT), FEES)) == "unsigned_head"
    assert outcome(life.desk.admit(anchor(0, 5, "0x" + PREV.hex()), FEES)) == "unsigned_head"
    assert outcome(life.desk.admit(anchor(2**70, 5, TEXT), FEES)) == "unsigned_head"
    assert outcome(life.desk.admit(anchor("0", 5, TEXT), FEES)) == "unsigned_head"
    bare = replace(anchor(0, 5, TEXT), call=Call(REGISTRY, ANCHOR, (1,)))
    assert outcome(life.desk.admit(bare, FEES)) == "call"
    assert outcome(life.desk.admit(anchor(0, 5, TEXT), FEES)) == 1


# ------------------------------------------------------------------------------- the ending


def test_after_the_end_is_signed_only_the_last_sweep_follows(life):
    life.desk.checkpoint(0, 5, ROOT, bytes(32))
    assert outcome(life.desk.admit(end(0, 6, TEXT), FEES)) == "unsigned_head"
    assert outcome(life.desk.admit(end(0, 5, TEXT), FEES)) == 1
    assert outcome(life.desk.admit(act(2), FEES)) == "standing"
    sweep = Intent("sweep.wei", 9, "end", Call(OPERATOR.address, "", value=Wei(10**30)))
    assert outcome(life.desk.admit(sweep, FEES)) == 2
    life.hear(ended=True)
    assert life.desk.state().ended
    assert outcome(life.desk.admit(replace(sweep, id="sweep.again"), FEES)) == 3
    assert outcome(life.desk.checkpoint(1, 6, ROOT, PREV)) == "standing"


def test_an_end_may_name_no_head(life):
    assert outcome(life.desk.admit(end(), FEES)) == 1


# --------------------------------------------------------------------------------------- halts


def test_after_a_halt_only_what_the_table_allows_is_signed(life):
    life.desk.admit(act(1), FEES)
    assert life.desk.halt("by command") == 1
    assert life.desk.state().halt_reason == "by command"
    life.desk.checkpoint(0, 5, ROOT, bytes(32))
    drain = pays(7, to=OPERATOR.address, amount=10**15, purpose="drain")
    serve = Intent("serve", 1, "serve", Call(REGISTRY, SERVE, (1, "http://x")))
    for intent, want in (
        (act(2), "standing"),
        (serve, "standing"),
        (replace(drain, call=replace(drain.call, to=STRANGER.address)), "token"),
        (pays(8, to=STRANGER.address, purpose="drain"), "purpose"),
        (drain, 2),
        (anchor(0, 5, TEXT), 3),
        (replace(act(1), id="1.0"), 1),
    ):
        assert outcome(life.desk.admit(intent, FEES)) == want
    assert isinstance(life.desk.bump("1.0", Fees(Wei(20), Wei(2))), Attempt)
    assert outcome(life.desk.access(1, STRANGER.address, 5, ROOT)) == "standing"


def test_drains_are_the_halted_operators(life):
    drain = pays(7, to=OPERATOR.address, purpose="drain")
    assert outcome(life.desk.admit(drain, FEES)) == "standing"


@pytest.mark.parametrize(
    ("signature", "want"),
    [
        (resume(1), True),
        (resume(2), False),
        (resume(0), False),
        (resume(1, agent=2), False),
        (resume(1, by=STRANGER), False),
        (resume(1, by=WALLET), False),
        (b"", False),
        (bytes(65), False),
    ],
)
def test_only_the_operators_signature_of_this_very_halt_resumes(life, signature, want):
    assert life.desk.resume(resume(1)) is False, "nothing to lift"
    life.desk.halt("why")
    assert life.desk.resume(signature) is want
    assert life.desk.state().halted is not want
    assert outcome(life.desk.admit(act(1), FEES)) == (1 if want else "standing")


def test_an_old_resume_lifts_no_newer_halt(life):
    life.desk.halt("first")
    assert life.desk.resume(resume(1))
    assert life.desk.resume(resume(1)) is False
    assert life.desk.halt("second") == 2
    assert life.desk.resume(resume(1)) is False
    assert life.desk.halt("third") == 3
    assert life.desk.resume(resume(2)) is False
    assert life.desk.resume(resume(3))


def test_a_halt_on_chain_outlasts_the_chains_word(life):
    life.hear(halted=True, halt_id=4)
    assert life.desk.state().halt_id == 4
    life.hear(halted=False, halt_id=4)
    assert outcome(life.desk.admit(act(1), FEES)) == "standing"
    again = life.again()
    again.hear()
    assert outcome(again.desk.admit(act(1), FEES)) == "standing"
    assert again.desk.resume(resume(4))
    again.hear(halted=True, halt_id=4)
    assert outcome(again.desk.admit(act(1), FEES)) == 1
    again.hear(halted=True, halt_id=5)
    assert outcome(again.desk.admit(act(2), FEES)) == "standing"
    again.ledger.close()


def test_a_halt_on_chain_after_one_here_has_a_number_of_its_own(life):
    life.desk.halt("here")
    life.desk.halt("here again")
    life.hear(halted=True, halt_id=1)
    assert life.desk.state().halt_id == 3
    life.hear(halted=True, halt_id=1)
    assert life.desk.state().halt_id == 3
    assert life.desk.resume(resume(2)) is False


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["halt", "chain", "resume", "stale", "restart"]), max_size=12))
def test_no_history_of_halts_leaves_a_door_open(tmp_path_factory, steps):
    life = Life(tmp_path_factory.mktemp("life")).born()
    halted, number = False, 0
    for step in steps:
        newest = life.desk.state().halt_id
        if step == "halt":
            life.desk.halt("again")
            halted = True
        elif step == "chain":
            number += 1
            life.hear(halted=True, halt_id=number)
            halted = True
        elif step == "resume":
            assert life.desk.resume(resume(newest)) is halted
            halted = False
        elif step == "stale":
            assert not life.desk.resume(resume(newest + 1))
        else:
            life = life.again()
            life.hear(halted=False, halt_id=number)
        assert life.desk.state().halted is halted
    assert outcome(life.desk.admit(act(1), FEES)) == ("standing" if halted else 1)
    life.ledger.close()


def test_a_halt_and_an_intent_at_once_are_one_before_the_other(tmp_path):
    """Whatever was admitted has a nonce below the halt; after it, none."""
    life = Life(tmp_path).born()
    start, admitted, halted_at = threading.Barrier(3), [], []

    def stream(first):
        start.wait()
        for number in range(first, first + 40):
            verdict = life.desk.admit(act(number), FEES)
            admitted.append((number, isinstance(verdict, Admitted)))

    def halt():
        start.wait()
        life.desk.halt("race")
        halted_at.append(life.desk.state().next_nonce)

    threads = [threading.Thread(target=stream, args=(n,)) for n in (1, 1000)]
    threads.append(threading.Thread(target=halt))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert life.desk.state().next_nonce == halted_at[0]
    assert sum(taken for _, taken in admitted) == halted_at[0] - 1
    life.ledger.close()


# -------------------------------------------------------------------------------------- access


def test_access_is_the_wallets_word_to_one_provider(life):
    signature = life.desk.access(3, Address(STRANGER.address), 5, ROOT)
    message = permit.Access(3, STRANGER.address, 5, ROOT)
    assert permit.signed_by(DOMAIN, message, signature) == WALLET.address


def test_a_token_that_the_limits_do_not_know_is_not_swept(life):
    sweep = pays(1, to=OPERATOR.address, purpose="end")
    assert outcome(life.desk.admit(sweep, FEES)) == 1
    other = replace(sweep, id="x", call=replace(sweep.call, to=STRANGER.address))
    assert other.call.to != TOKEN
    assert outcome(life.desk.admit(other, FEES)) == "token"


def test_dearer_bytes_may_not_cost_more_than_one_action_may(tmp_path):
    """The caps know of one transaction, however many attempts it takes."""
    life = Life(tmp_path, body(wei=caps(6_000_000, 10**9, 10**9))).born()
    life.desk.admit(act(1), FEES)  # 100,000 gas at 10
    assert isinstance(life.desk.bump("1.0", Fees(Wei(60), Wei(2))), Attempt)  # 6,000,000
    assert outcome(life.desk.bump("1.0", Fees(Wei(70), Wei(3)))) == "per_action"
    life.ledger.close()
