"""The auditor: an honest life passes, and every way to tamper with one is found and named."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cbrrr import encode_dag_cbor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lives import (
    MARKET,
    OPERATOR,
    REGISTRY,
    TOKEN,
    FakeWitness,
    Teller,
    deeds,
    living,
    mined,
    registered,
    sign,
    top_up,
    whole_life,
    word,
)

from chain.keys import Key
from chain.types import Call, Wei
from telemetry.auditing import audit as audit_module
from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import audit
from telemetry.auditing.calls import callprint, told_call
from telemetry.auditing.facts import Anchored, Movement
from telemetry.auditing.findings import MOST_OF_A_KIND, Findings
from telemetry.auditing.lines import audit_lines
from telemetry.car import car_bytes, car_name, write_car
from telemetry.cid import cid_of
from telemetry.errors import BadRecord, SourceError
from telemetry.tree import leaf_hash


def faults(verdict):
    return {finding.kind for finding in verdict.findings if finding.level == "fault"}


def notes(verdict):
    return {finding.kind for finding in verdict.findings if finding.level == "note"}


@pytest.fixture
def confronted(monkeypatch):
    """Audit a folder against a made-up chain."""

    async def run(folder, life, seen):
        @asynccontextmanager
        async def witness(*_):
            yield FakeWitness(life, seen)

        monkeypatch.setattr(audit_module, "_witness", witness)
        return await audit(str(folder), agent=None, rpc="http://chain", registry=REGISTRY)

    return run


async def test_an_honest_life_passes_in_itself(tmp_path):
    teller = whole_life()
    verdict = await audit(str(teller.write(tmp_path)))
    assert verdict.findings == ()
    assert verdict.ok
    assert (verdict.verified, verdict.agent, verdict.outcome) == ("internal", 1, "horizon")
    assert (verdict.records, verdict.epochs) == (11, 3)
    assert verdict.head == teller.epochs[-1][0].cid
    assert json.loads(json.dumps(verdict.plain()))["cause"] == "its time was up"
    assert list(audit_lines(verdict))[-1].startswith("OK")


async def test_an_honest_life_passes_against_its_chain(tmp_path, confronted):
    teller = whole_life()
    verdict = await confronted(teller.write(tmp_path), registered(teller), deeds(teller))
    assert faults(verdict) == set()
    assert notes(verdict) == {kinds.INFLOW}
    assert (verdict.ok, verdict.verified) == (True, "chain")


def body(**changes):
    return lambda fields: fields | {"body": fields["body"] | changes}


def without(name):
    return lambda fields: (
        fields | {"body": {key: value for key, value in fields["body"].items() if key != name}}
    )


def call(**changes):
    return lambda fields: (
        fields | {"body": fields["body"] | {"call": fields["body"]["call"] | changes}}
    )


def logprob(fields):
    first, *rest = fields["body"]["logprobs"]
    return body(logprobs=[first - 0.5, *rest])(fields)


def swapped(fields):
    """Probabilities that are possible, but under which the seed would draw another entry."""
    chosen = fields["body"]["chosen"]
    chances = [math.log(1e-3)] * 3
    chances[(chosen + 1) % 3] = math.log(1 - 2e-3)
    return body(logprobs=chances, epsilon=0.0)(fields)


def other_choice(fields):
    return body(chosen=(fields["body"]["chosen"] + 1) % 3)(fields)


TOLD = [
    (1, logprob, kinds.DECISION),
    (1, swapped, kinds.DRAW),
    (7, other_choice, kinds.DRAW),
    (1, body(chosen=3), kinds.DECISION),
    (1, body(logprobs=[0.0]), kinds.DECISION),
    (1, body(epsilon=1.0), kinds.DECISION),
    (1, body(menu=[]), kinds.BODY),
    (1, without("prompt"), kinds.BODY),
    (1, body(logprobs=["x", None, 1]), kinds.BODY),
    (1, body(logprobs=[1e308, 0.0, 0.0]), kinds.DECISION),
    (0, without("wallet"), kinds.BODY),
    (0, body(log_key=OPERATOR.address), kinds.SIGNATURE),
    (0, lambda fields: fields | {"kind": "heartbeat"}, kinds.ORDER),
    (8, lambda fields: fields | {"kind": "birth"}, kinds.ORDER),
    (8, lambda fields: fields | {"at": 3}, kinds.CLOCK),
    (8, lambda fields: fields | {"agent": 2}, kinds.SEQUENCE),
    (8, lambda fields: fields | {"seq": 9}, kinds.SEQUENCE),
    (8, lambda fields: fields | {"prev": b"x" * 32}, kinds.LINK),
    (8, lambda fields: fields | {"kind": "end", "body": {}}, kinds.BODY),
    (8, lambda fields: fields | {"kind": "resume", "body": {"halt_id": 1}}, kinds.ORDER),
    (2, body(intent="9.0"), kinds.INTENT),
    (2, body(because=2), kinds.INTENT),
    (2, body(nonce=0), kinds.INTENT),
    (2, body(purpose="fun"), kinds.INTENT),
    (2, call(function="topUp(uint256[9999999][9999999])"), kinds.BODY),
    (2, call(function="(((((((((((((("), kinds.BODY),
    (2, call(args=[1, 2]), kinds.BODY),
    (2, call(function="f(bytes)", args=["0x" + "00" * 8500]), kinds.BODY),
    (2, body(stage="dreamt"), kinds.BODY),
    (2, body(nonce=None, pull=None), kinds.BODY),
    (3, body(nonce=9), kinds.INTENT),
    (5, body(intent="1.0"), kinds.INTENT),
    (4, body(size=2), kinds.ANCHOR),
    (10, body(reason="bored"), kinds.BODY),
]


@pytest.mark.parametrize(("seq", "twist", "kind"), TOLD)
async def test_a_lie_that_is_signed_and_linked_is_still_found(tmp_path, seq, twist, kind):
    verdict = await audit(str(whole_life({seq: twist}).write(tmp_path)))
    assert kind in faults(verdict)
    assert not verdict.ok
    assert list(audit_lines(verdict))[-1].startswith("FAILED")


async def test_nothing_follows_the_ending(tmp_path):
    teller = whole_life()
    teller.beat()
    teller.seal()
    assert faults(await audit(str(teller.write(tmp_path)))) == {kinds.ORDER}


async def test_a_halted_life_decides_nothing(tmp_path):
    halt = {"kind": "halt", "body": {"halt_id": 1, "reason": "wait"}}
    teller = whole_life({6: lambda fields: fields | halt})
    assert faults(await audit(str(teller.write(tmp_path)))) == {kinds.ORDER}


async def test_a_log_without_ending_is_lost(tmp_path):
    teller = whole_life()
    teller.epochs.pop()
    verdict = await audit(str(teller.write(tmp_path)))
    assert faults(verdict) == {kinds.ENDING}
    assert verdict.outcome == "lost"


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_missing_epoch_is_missed(tmp_path, lost):
    teller = whole_life()
    del teller.epochs[lost]
    assert kinds.MISSING in faults(await audit(str(teller.write(tmp_path))))


async def test_an_epoch_given_twice_is_a_note_and_two_of_them_a_fork(tmp_path):
    teller, other = whole_life(), whole_life({8: body(runway_h=4.0)})
    teller.write(tmp_path)
    path = next(tmp_path.glob("000001-*"))
    (tmp_path / "copy.car").write_bytes(path.read_bytes())
    twice = await audit(str(tmp_path))
    assert twice.ok
    assert notes(twice) == {kinds.DUPLICATE}
    (tmp_path / "copy.car").unlink()
    checkpoint, records = other.epochs[1]
    name = car_name(1, checkpoint.cid)
    write_car(tmp_path / name, checkpoint.cid, [checkpoint.encode(), *records])
    assert kinds.FORK in faults(await audit(str(tmp_path)))


async def test_files_are_ordered_by_what_they_hold(tmp_path):
    whole_life().write(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    for name, other in zip(names, reversed(names), strict=True):
        (tmp_path / name).rename(tmp_path / f"{other}.new")
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_suffix(""))
    verdict = await audit(str(tmp_path))
    assert verdict.ok
    assert notes(verdict) == {kinds.MISNAMED}


async def test_epochs_renumbered_and_signed_again_do_not_link(tmp_path):
    teller = whole_life()
    for index, number in ((1, 2), (2, 1)):
        checkpoint, records = teller.epochs[index]
        head = replace(checkpoint.head, epoch=number)
        teller.epochs[index] = (sign(head, checkpoint.records, teller), records)
    found = faults(await audit(str(teller.write(tmp_path))))
    assert {kinds.LINK, kinds.TREE} <= found


async def test_another_key_signs_nothing(tmp_path):
    verdict = await audit(str(whole_life(key=Key(b"\7" * 32)).write(tmp_path)))
    assert faults(verdict) == {kinds.SIGNATURE}


async def test_records_the_checkpoint_does_not_list_are_damage(tmp_path):
    teller = whole_life()
    checkpoint, records = teller.epochs[0]
    for lie in ([*records, b"\xa0"], records[:-1], records[::-1], [b"\xa0", *records[1:]]):
        folder = tmp_path / str(hash(tuple(lie)))
        teller.write(folder)
        path = folder / car_name(0, checkpoint.cid)
        write_car(path, checkpoint.cid, [checkpoint.encode(), *lie])
        assert kinds.DAMAGED in faults(await audit(str(folder)))


async def test_a_later_version_is_refused_by_name(tmp_path):
    """Linked, rooted and signed as it must be: nothing is wrong with it but its version."""
    teller = Teller()
    teller.birth()
    before = teller.tree
    teller.decide()
    later = teller.open[-1].replace(b"av\x01", b"av\x02", 1)
    assert later != teller.open[-1]
    teller.open[-1], teller.leaf = later, leaf_hash(later)
    teller.tree = before.append(teller.leaf)
    teller.end(1)
    teller.seal()
    verdict = await audit(str(teller.write(tmp_path)))
    [fault] = [each for each in verdict.findings if each.level == "fault"]
    assert (fault.kind, fault.record) == (kinds.RECORD, 1)
    assert "unknown version" in fault.detail


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(epoch=st.integers(0, 2), place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
async def test_no_byte_can_be_changed(tmp_path_factory, epoch, place, mask):
    folder = whole_life().write(tmp_path_factory.mktemp("flip"))
    path = sorted(folder.iterdir())[epoch]
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= mask
    path.write_bytes(bytes(data))
    assert not (await audit(str(folder))).ok


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
BODIES = st.recursive(
    SCALARS | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
BLOCKS = st.binary(max_size=300) | st.builds(encode_dag_cbor, BODIES)


def a_file(kind, data, seed):
    """Bytes; a whole epoch with some of them moved; blocks that are what their names say."""
    teller = whole_life()
    checkpoint, records = teller.epochs[0]
    if kind == "bytes":
        return data
    if kind == "blocks":
        return b"".join(car_bytes(cid_of(data), [data, *records]))
    if kind == "records":
        signed = sign(checkpoint.head, [cid_of(data)] * 3, teller)
        return b"".join(car_bytes(signed.cid, [signed.encode(), data, data, data]))
    mixed = bytearray(b"".join(car_bytes(checkpoint.cid, [checkpoint.encode(), *records])))
    dice = random.Random(seed)
    for _ in range(3):
        mixed[dice.randrange(len(mixed))] = dice.randrange(256)
    return bytes(mixed + data)


@pytest.mark.parametrize("kind", ["bytes", "blocks", "records", "mixed"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=BLOCKS, seed=st.integers(0, 2**32))
async def test_no_file_can_crash_the_audit(tmp_path_factory, kind, data, seed):
    folder = tmp_path_factory.mktemp("garbage")
    (folder / "any.car").write_bytes(a_file(kind, data, seed))
    verdict = await audit(str(folder))
    assert not verdict.ok
    json.dumps(verdict.plain())


async def test_a_place_without_a_log_is_no_audit(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SourceError):
            await audit(str(place))


async def test_two_lives_in_one_folder_need_a_name(tmp_path):
    other = Teller(agent=2)
    other.birth()
    other.seal()
    other.write(whole_life().write(tmp_path))
    with pytest.raises(SourceError, match="several agents"):
        await audit(str(tmp_path))
    assert (await audit(str(tmp_path), agent=1)).ok


def changed(seen, nonce, **changes):
    return replace(seen, mined=seen.mined | {nonce: seen.mined[nonce]._replace(**changes)})


def known(seen, **changes):
    return replace(seen, account=replace(seen.account, **changes))


def an_extra_transaction(seen, _):
    extra = mined(5, MARKET, b"\1\2\3\4")
    return replace(known(seen, nonce=6), mined=seen.mined | {5: extra})


def a_hidden_transaction(seen, _):
    return known(seen, nonce=6)


def a_thief(seen, _):
    out = (*seen.out, Movement(TOKEN.lower(), MARKET.lower(), 4, word("theft"), 23))
    return replace(seen, out=out)


def another_anchor(seen, _):
    first, last = seen.account.anchors
    other = first._replace(mark=first.mark._replace(root=bytes(32)))
    return known(seen, anchors=(other, last))


def an_anchor_beyond(seen, _):
    anchors = seen.account.anchors
    beyond = Anchored(anchors[-1].mark._replace(epoch=7), 24)
    return known(seen, anchors=(*anchors, beyond))


def another_cause(seen, _):
    return known(seen, ended=seen.account.ended._replace(cause=1))


def data_of(seen, nonce):
    return seen.mined[nonce].data


DONE = [
    (an_extra_transaction, kinds.UNNAMED),
    (a_hidden_transaction, kinds.UNSEEN),
    (a_thief, kinds.TRANSFER),
    (another_anchor, kinds.ANCHOR),
    (an_anchor_beyond, kinds.MISSING),
    (another_cause, kinds.ENDING),
    (lambda seen, _: known(seen, ended=None), kinds.ENDING),
    (lambda seen, _: changed(seen, 0, data=b"abcd"), kinds.CALL),
    (lambda seen, _: changed(seen, 1, to=TOKEN.lower()), kinds.CALL),
    (lambda seen, _: changed(seen, 1, value=1), kinds.CALL),
    (lambda seen, _: changed(seen, 1, data=b"1234" + data_of(seen, 1)[4:]), kinds.CALL),
    (lambda seen, _: changed(seen, 1, data=data_of(seen, 1)[:40] + bytes(600)), kinds.CALL),
    (lambda seen, _: changed(seen, 2, data=data_of(seen, 2)[:-1] + b"\1"), kinds.CALL),
    (lambda seen, _: changed(seen, 3, data=data_of(seen, 3)[:-1] + b"\1"), kinds.CALL),
    (lambda seen, _: changed(seen, 4, to=MARKET.lower()), kinds.CALL),
    (lambda seen, _: changed(seen, 1, ok=False), kinds.SETTLEMENT),
    (lambda seen, _: changed(seen, 1, fees=frozenset((1,))), kinds.SETTLEMENT),
    (lambda seen, _: changed(seen, 1, gas_used=1), kinds.SETTLEMENT),
    (lambda seen, _: changed(seen, 1, hash=word("other")), kinds.SETTLEMENT),
    (lambda seen, _: known(seen, nonce=1), kinds.SETTLEMENT),
]


@pytest.mark.parametrize(("twist", "kind"), DONE)
async def test_what_the_chain_shows_otherwise_is_found(tmp_path, confronted, twist, kind):
    teller = whole_life()
    seen = twist(deeds(teller), teller)
    verdict = await confronted(teller.write(tmp_path), registered(teller), seen)
    assert kind in faults(verdict)


IDENTITIES = [
    {"wallet": MARKET.lower()},
    {"operator": MARKET.lower()},
    {"genome": word("another")},
    {"seed": word("another")},
    {"parents": (1,)},
]


@pytest.mark.parametrize("change", IDENTITIES)
async def test_another_birth_than_the_registrys_is_found(tmp_path, confronted, change):
    teller = whole_life()
    life = replace(registered(teller), **change)
    verdict = await confronted(teller.write(tmp_path), life, deeds(teller))
    assert kinds.IDENTITY in faults(verdict)


async def test_a_key_that_the_registry_does_not_know_signs_nothing(tmp_path, confronted):
    teller = whole_life()
    life = replace(registered(teller), log_key=MARKET.lower())
    verdict = await confronted(teller.write(tmp_path), life, deeds(teller))
    assert {kinds.IDENTITY, kinds.SIGNATURE} <= faults(verdict)


async def test_an_agent_that_was_never_born_is_found(tmp_path, confronted):
    teller = whole_life()
    verdict = await confronted(teller.write(tmp_path), None, deeds(teller))
    assert kinds.IDENTITY in faults(verdict)


async def test_a_living_agent_may_be_ahead_of_its_log(tmp_path, confronted):
    teller = whole_life()
    whole, seen = registered(teller), deeds(teller)
    teller.epochs.pop()
    first = seen.account.anchors[:1]
    life = replace(whole, ended=False, cause=0, last=first[0].mark)
    extra = mined(3, MARKET, b"later")
    seen = replace(
        known(seen, nonce=4, ended=None, anchors=first),
        mined={at: each for at, each in seen.mined.items() if at < 3} | {3: extra},
    )
    verdict = await confronted(teller.write(tmp_path), life, seen)
    assert verdict.ok
    assert verdict.outcome is None
    assert {kinds.ALIVE, kinds.AHEAD, kinds.UNANCHORED} <= notes(verdict)
    silent = await confronted(tmp_path, life, known(seen, silent_s=3601))
    assert faults(silent) == {kinds.ENDING, kinds.UNNAMED}
    assert silent.outcome == "lost"
    early = replace(seen, mined=seen.mined | {3: extra._replace(block=12)})
    assert faults(await confronted(tmp_path, life, early)) == {kinds.UNNAMED}


async def test_nobody_is_ahead_of_a_nonce_that_was_named(tmp_path, confronted):
    """Records that all claim an early block do not excuse what was done between two of them."""
    teller = whole_life()
    life, seen = registered(teller), deeds(teller)
    teller = Teller(at_block=10)
    teller.birth()
    decided = teller.decide()
    teller.send(f"{decided}.0", decided, "act", nonce=2, call=top_up())
    teller.seal()
    life = replace(life, ended=False, cause=0, last=None)
    done = {0: seen.mined[0], 1: mined(1, MARKET, b"theft"), 2: seen.mined[1]._replace(nonce=2)}
    seen = replace(known(seen, nonce=3, ended=None, anchors=()), mined=done, out=())
    verdict = await confronted(teller.write(tmp_path), life, seen)
    assert kinds.UNNAMED in faults(verdict)


async def test_no_record_was_read_at_a_block_to_come(tmp_path, confronted):
    """Or a dead life would be a living one for as long as it liked."""
    teller = Teller(at_block=10**9)
    teller.birth()
    teller.seal()
    whole = whole_life()
    life = replace(registered(whole), ended=False, cause=0, last=None)
    seen = replace(known(deeds(whole), nonce=1, ended=None, anchors=(), head=1000), out=())
    verdict = await confronted(teller.write(tmp_path), life, seen)
    assert faults(verdict) == {kinds.CLOCK}


PAYS = Call(TOKEN, "transfer(address,uint256)", (MARKET, 5))
MISUSED = [("drain", PAYS), ("end", PAYS), ("anchor", PAYS), ("serve", PAYS), ("birth", PAYS)]
MISUSED += [("drain", top_up()), ("end", Call(MARKET, "", value=Wei(7)))]
MISUSED += [("serve", Call(REGISTRY, "serve(uint256,string)", (2, "http://elsewhere")))]


@pytest.mark.parametrize(("purpose", "call_"), MISUSED)
async def test_no_purpose_but_act_pays_strangers(tmp_path, purpose, call_):
    teller = Teller()
    teller.birth()
    teller.send("drain.1", 0, purpose, nonce=1, call=call_)
    teller.end(2)
    teller.seal()
    assert faults(await audit(str(teller.write(tmp_path)))) == {kinds.INTENT}


async def test_no_signature_takes_long_to_read(tmp_path):
    deep = "f(" + 60 * "(" + "uint8" + 60 * ")[]" + ")"
    teller = whole_life({2: call(function=deep, args=[[]])})
    assert kinds.BODY in faults(await audit(str(teller.write(tmp_path))))


async def test_whoever_chose_to_hold_did_nothing(tmp_path):
    teller = Teller()
    teller.birth()
    held = teller.decide((9.0, -9.0, -9.0))
    teller.send(f"{held}.0", held, "act", nonce=1, call=top_up())
    teller.end(2)
    teller.seal()
    assert faults(await audit(str(teller.write(tmp_path)))) == {kinds.INTENT}


async def test_a_genome_is_what_its_digest_says(tmp_path):
    teller = whole_life({0: body(genome={"model": "large"})})
    assert kinds.IDENTITY in faults(await audit(str(teller.write(tmp_path))))


async def test_a_lost_life_lacks_its_ending(tmp_path, confronted):
    teller = whole_life()
    life, seen = registered(teller), deeds(teller)
    teller.epochs.pop()
    first = seen.account.anchors[:1]
    mark = first[0].mark
    seen = known(seen, nonce=3, anchors=first)
    life = replace(life, cause=4, last=mark)
    verdict = await confronted(teller.write(tmp_path), life, seen)
    assert faults(verdict) == {kinds.ENDING}
    assert verdict.outcome == "lost"


def allowed(teller):
    """A life that names an authorization for others to bring to the chain, and its nonce."""
    told = told_call(
        {
            "call": {
                "to": MARKET,
                "function": top_up().function,
                "args": ["$wallet", 7, str(2**70), "$salt"],
                "value": "0",
                "gas": 1,
            },
            "pull": {"token": TOKEN, "value": "5", "valid_before": str(2**40)},
        }
    )
    return callprint(told, "1.0", teller.wallet).pulled


def brought(seen, *outs, token=TOKEN, nonce=bytes(32)):
    """Somebody else's transactions, in each of which this authorization is said to be used."""
    moved = tuple(
        Movement(TOKEN.lower(), to.lower(), value, word(f"tx of another {n}"), 11)
        for n, (to, value) in enumerate(outs)
    )
    used = {each.tx: frozenset(((token.lower(), nonce),)) for each in moved}
    return replace(seen, out=moved, authorizations=used)


OWED = [
    ([(MARKET, 5)], {}, True),
    ([(MARKET, 6)], {}, False),  # another amount
    ([(OPERATOR.address, 5)], {}, False),  # to somebody else
    ([(MARKET, 5), (MARKET, 5)], {}, False),  # twice
    ([(MARKET, 5)], {"token": MARKET}, False),  # another contract says that it was used
    ([(MARKET, 5)], {"nonce": bytes(32)}, False),  # another authorization
]


@pytest.mark.parametrize(("outs", "said", "fine"), OWED)
async def test_a_named_authorization_pays_once_and_as_it_says(
    tmp_path, confronted, outs, said, fine
):
    teller = Teller({2: body(nonce=None, hash=None)})
    teller.birth()
    decided = teller.decide((-9.0, 9.0, -9.0))
    teller.send(f"{decided}.0", decided, "act", nonce=1, call=top_up())
    teller.seal()
    life, seen = living(teller)
    seen = brought(seen, *outs, **{"nonce": allowed(teller).nonce} | said)
    verdict = await confronted(teller.write(tmp_path), life, seen)
    assert faults(verdict) == (set() if fine else {kinds.TRANSFER})


@pytest.mark.parametrize("value", [4, 6, 10**15])
async def test_what_is_pulled_is_what_leaves(tmp_path, confronted, value):
    teller = whole_life()
    seen = deeds(teller)
    pulled = {word("tx 1"): frozenset(((TOKEN.lower(), allowed(teller).nonce),))}
    honest = replace(seen, authorizations=pulled)
    folder = teller.write(tmp_path)
    assert (await confronted(folder, registered(teller), honest)).ok
    other = replace(honest, out=(seen.out[0]._replace(value=value),))
    assert faults(await confronted(folder, registered(teller), other)) == {kinds.TRANSFER}
    for both in ((*honest.out, *other.out), (*other.out, *honest.out)):
        besides = replace(honest, out=both)  # in a call of its own, more may leave than was pulled
        assert (await confronted(folder, registered(teller), besides)).ok


async def test_events_of_strangers_tokens_are_no_fault(tmp_path, confronted):
    teller = whole_life()
    seen = deeds(teller)
    spam = (*seen.out, Movement(word("spam")[:42], MARKET.lower(), 4, word("spam"), 23))
    verdict = await confronted(teller.write(tmp_path), registered(teller), replace(seen, out=spam))
    assert verdict.ok
    assert kinds.SPAM in notes(verdict)


async def test_a_token_that_only_an_observation_names_is_no_strangers(tmp_path, confronted):
    teller = Teller()
    teller.birth()
    teller.twists = {1: body(observation={"places": {"token": TOKEN}})}
    teller.decide()
    teller.end(1)
    teller.seal()
    out = (Movement(TOKEN.lower(), MARKET.lower(), 4, word("theft"), 23),)
    seen = replace(known(deeds(whole_life()), nonce=1, anchors=()), out=out)
    life = replace(registered(teller), last=None)
    assert kinds.TRANSFER in faults(await confronted(teller.write(tmp_path), life, seen))


def test_findings_stay_few_and_tame():
    found = Findings()
    for _ in range(1000):
        found.fault(kinds.RECORD, "\x1b[31mred" + "x" * 5000)
    every = found.all()
    assert len(every) == MOST_OF_A_KIND + 1
    assert every[-1].detail == f"and {1000 - MOST_OF_A_KIND} more of this kind"
    assert all("\x1b" not in each.detail and len(each.detail) < 700 for each in every)


ALONE = """
import asyncio, sys
from telemetry.auditing.audit import audit
verdict = asyncio.run(audit(sys.argv[1]))
assert verdict.ok and verdict.records == 11, verdict
heavy = {"web3", "eth_account"} & set(sys.modules)
assert not heavy, heavy
"""


def test_an_audit_without_a_chain_needs_no_web3(tmp_path):
    folder = whole_life().write(tmp_path)
    root = Path(__file__).parents[4]
    subprocess.run([sys.executable, "-c", ALONE, str(folder)], check=True, cwd=root)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), seq=st.integers(0, 10))
async def test_no_signed_body_can_crash_the_audit(tmp_path_factory, data, seq):
    """Any field of any record becomes any value that DAG-CBOR can hold."""

    def twist(fields):
        names = sorted(fields["body"])
        name = data.draw(st.sampled_from(names))
        value = data.draw(BODIES)
        inner = fields["body"][name]
        if isinstance(inner, dict) and data.draw(st.booleans()):
            value = inner | {data.draw(st.sampled_from(sorted(inner))): value}
        return body(**{name: value})(fields)

    try:
        teller = whole_life({seq: twist})
    except (BadRecord, UnicodeEncodeError):
        return  # no record can say so
    verdict = await audit(str(teller.write(tmp_path_factory.mktemp("any"))))
    assert verdict.records == 11
    json.dumps(verdict.plain())
