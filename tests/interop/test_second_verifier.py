"""Two verifiers that share a page and no line of code judge the same logs, and agree.

`examples/verify.mjs` is the small one, of 150 lines: what it does not look at is in a table of its
own, which only the audit catches.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import struct
import time
from dataclasses import replace
from hashlib import sha256

import pytest
from aiohttp import web
from cbrrr import CID, decode_dag_cbor, encode_dag_cbor
from forging import Forgery
from ipfsd import HERE
from lives import MARKET, OPERATOR, REGISTRY, SEED, TOKEN, whole_life, word
from second import EXAMPLES, Second, judged
from served import Honest, serving

from chain.keys import Key
from telemetry.auditing.audit import audit
from telemetry.car import car_bytes, car_name, read_epoch, write_car
from telemetry.cid import PREFIX, cid_of
from telemetry.draw import draw

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    found = Second(tmp_path_factory.mktemp("second"))
    yield found
    found.close()


@pytest.fixture
def forged():
    return Forgery.of(whole_life())


# ------------------------------------------------------------------------------- honest logs


async def test_an_honest_log_passes_both(second, tmp_path):
    teller = whole_life()
    folder = teller.write(tmp_path)
    assert await judged(second, folder) == (set(), set())
    found = second.verify(folder)
    assert found == {
        "ok": True,
        "agent": 1,
        "records": 11,
        "epochs": 3,
        "findings": [],
    }


async def test_a_forgery_without_a_lie_is_the_log_itself(second, forged, tmp_path):
    honest = whole_life().write(tmp_path / "honest")
    again = forged.write(tmp_path / "again")
    assert {path.name: path.read_bytes() for path in honest.iterdir()} == {
        path.name: path.read_bytes() for path in again.iterdir()
    }


def a_reflex(log):
    log.say(7, model="reflex")


def floats_that_are_whole(log):
    log.say(7, epsilon=0.0, temperature=1.0, latency_ms=0, observation={"a": -0.0, "b": 2.0})


def odd_but_plain_data(log):
    names = {"__proto__": {"x": 1}, "constructor": 1, "toString": None, "": 2, "10": 1, "9": 2}
    more = {"/": "same", "bytes": "same", "\ufeffmark": "\ufeff", "\U0001f600": "é" * 99}
    numbers = {"x": [2**53 - 1, 1 - 2**53, 5e-324, 1e300, b"\0"]}
    log.say(7, observation=names | more | numbers)


def as_deep_as_can_be(log):
    deep = []
    for _ in range(125):
        deep = [deep]
    log.say(7, observation={"x": deep})


def as_long_as_can_be(log):
    log.say(7, observation={"x": "y" * 64_000})


def a_gap_that_admits_itself(log):
    for record in log.records[9:]:
        record["at"] += 10**10
    log.change(9, kind="gap", body={"since_ms": log.records[8]["at"], "reason": "killed"})


def a_halt_and_its_end(log):
    log.change(8, kind="halt", body={"halt_id": 1, "reason": "chain"})
    log.change(9, kind="resume", body={"halt_id": 1})


def an_ending(log, seq=8):
    log.change(seq, kind="heartbeat", body={"ending": "horizon", "cause": "its time was up"})


def a_lease_closed_in_the_end(log):
    an_ending(log)
    call = {"to": MARKET, "function": "close(uint256)", "args": [7], "value": "0", "gas": 1}
    sent = {"stage": "sent", "intent": "close.7", "because": 8, "purpose": "act", "nonce": 5}
    log.change(9, kind="effect", body=sent | {"hash": word("close"), "call": call})


def more_in_a_body_than_is_said(log):
    log.say(8, more=1, stage="sent")
    log.say(9, ending="horizon")


def money_taken_home_in_the_end(log):
    an_ending(log)
    call = ("transfer(address,uint256)", (OPERATOR.address, 5))
    of_purpose("end", TOKEN, *call, because=8)(log)


def an_ending_that_was_undone(log):
    an_ending(log, 4)
    log.change(5, kind="halt", body={"halt_id": 1, "reason": "chain"})
    log.change(6, kind="resume", body={"halt_id": 1})


def an_authorization_that_others_bring(log):
    another_act(log, nonce=None, hash=None)


def a_node_that_is_behind(log):
    at_block(log, 4, 5000)
    for seq in range(5, 11):
        at_block(log, seq, 5000 - 64)


def an_answer_sold(log, price=700, **changes):
    """A decision for a price, and what was paid at it; amounts of two tokens may look alike."""
    chances = [math.log(0.01), math.log(0.98), math.log(0.01)]
    menu = log.records[7]["body"]["menu"]
    menu[1] |= {"key": "merchant.price", "params": {"price_micro": price}}
    log.say(7, logprobs=chances, epsilon=0.0, chosen=1)
    assert draw(SEED, 7, chances) == 1
    told = {"asset": TOKEN, "amount": "700", "from": MARKET, "tx": word("sale"), "why": "sold"}
    told |= {"because": 7, "nonce": word("authorization")} | changes
    log.change(9, kind="funds", body=told)
    log.change(8, kind="funds", body=told | {"asset": MARKET})


HONEST = [
    an_answer_sold,
    a_reflex,
    floats_that_are_whole,
    odd_but_plain_data,
    as_deep_as_can_be,
    as_long_as_can_be,
    a_gap_that_admits_itself,
    a_halt_and_its_end,
    a_lease_closed_in_the_end,
    more_in_a_body_than_is_said,
    money_taken_home_in_the_end,
    an_ending_that_was_undone,
    an_authorization_that_others_bring,
    a_node_that_is_behind,
]


@pytest.mark.parametrize("tell", HONEST)
async def test_whatever_the_format_allows_passes_both(second, forged, tmp_path, tell):
    tell(forged)
    assert await judged(second, forged.write(tmp_path)) == (set(), set())


async def test_files_may_have_any_names(second, tmp_path):
    whole_life().write(tmp_path)
    for number, path in enumerate(sorted(tmp_path.iterdir(), reverse=True)):
        path.rename(path.with_name(f"{number}.car"))
    assert await judged(second, tmp_path) == (set(), set())


async def test_a_pipe_is_no_file(second, tmp_path):
    """Whoever opened it would wait for ever."""
    os.mkfifo(whole_life().write(tmp_path) / "pipe.car")
    assert await judged(second, tmp_path) == ({"damaged"}, {"damaged"})


# ------------------------------------------------------------------------ files that are touched


def flip(path, after):
    data = bytearray(path.read_bytes())
    data[data.index(after) + len(after)] ^= 3
    path.write_bytes(data)


def lengthened(path, data):
    path.write_bytes(path.read_bytes() + data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def sections(path):
    """The pieces of a CAR: its header, then each block with its name."""
    data, pieces = path.read_bytes(), []
    while data:
        size, at = data[0] & 127, 1
        while data[at - 1] & 128:
            size |= (data[at] & 127) << 7 * at
            at += 1
        pieces.append(data[: size + at])
        data = data[size + at :]
    return pieces


def rearranged(path, change):
    path.write_bytes(b"".join(change(sections(path))))


def renamed(path):
    """A record under the name of a raw block: the same digest, another codec."""
    header, checkpoint, first, *rest = sections(path)
    path.write_bytes(
        header + checkpoint + first.replace(b"\1\x71\x12\x20", b"\1\x55\x12\x20") + b"".join(rest)
    )


def another(folder, epoch):
    """A second epoch of the same number, as well signed as the first."""
    log = Forgery.of(whole_life())
    log.say(8, runway_h=4.0)
    other = log.write(folder.parent / "other")
    path = sorted(other.iterdir())[epoch]
    path.rename(folder / path.name)


def swapped(pieces):
    header, checkpoint, first, second, *rest = pieces
    return [header, checkpoint, second, first, *rest]


FILES = {
    "a byte of a record": (lambda _, files: flip(files[1], b"vitals"), "damaged"),
    "a byte of a checkpoint": (lambda _, files: flip(files[1], b"epoch"), "damaged"),
    "a byte of a signature": (lambda _, files: flip(files[1], b"csigXA"), "damaged"),
    "a byte of a header": (lambda _, files: flip(files[1], b"root"), "damaged"),
    "a byte of the root's name": (lambda _, files: flip(files[1], b"\1\x71\x12\x20"), "damaged"),
    "a later version of CARs": (lambda _, files: flip(files[1], b"gversion"), "damaged"),
    "a file cut short": (lambda _, files: cut(files[1]), "damaged"),
    "an empty file": (lambda _, files: files[1].write_bytes(b""), "damaged"),
    "a file that goes on": (lambda _, files: lengthened(files[1], b"\0\0\0"), "damaged"),
    "a record left out": (lambda _, files: rearranged(files[1], lambda all_: all_[:-1]), "damaged"),
    "a record given twice": (
        lambda _, files: rearranged(files[1], lambda all_: [*all_, all_[-1]]),
        "damaged",
    ),
    "records in another order": (lambda _, files: rearranged(files[1], swapped), "damaged"),
    "no checkpoint": (
        lambda _, files: rearranged(files[1], lambda all_: [all_[0], *all_[2:]]),
        "damaged",
    ),
    "a name of another codec": (lambda _, files: renamed(files[1]), "damaged"),
    "the first epoch removed": (lambda _, files: files[0].unlink(), "missing"),
    "a middle epoch removed": (lambda _, files: files[1].unlink(), "missing"),
    "the last epoch removed": (lambda _, files: files[2].unlink(), "ending"),
    "an epoch forked": (lambda folder, _: another(folder, 1), "fork"),
    "another epoch instead": (
        lambda folder, files: (files[1].unlink(), another(folder, 1)),
        "link",
    ),
}


@pytest.mark.parametrize("name", FILES)
async def test_no_file_is_touched_unseen(second, tmp_path, name):
    touch, kind = FILES[name]
    folder = whole_life().write(tmp_path / "log")
    touch(folder, sorted(folder.iterdir()))
    ours, theirs = await judged(second, folder)
    assert kind in ours
    assert kind in theirs


# ---------------------------------------------------------------- lies that are linked and signed


def dropped(log):
    del log.epochs[1][1]


def exchanged(log):
    records = log.epochs[1]
    records[0], records[5] = records[5], records[0]


def dropped_but_not_renumbered(log):
    dropped(log)
    log.loose = True


def misnumbered(log):
    log.loose = True
    log.records[8]["seq"] = 9


def unlinked(log):
    log.loose = True
    log.change(8, prev=bytes(32))


def a_link(log):
    log.say(7, observation={"x": CID(PREFIX + bytes(32))})


def a_float(value):
    def tell(log):
        log.say(7, observation={"x": 1.5})
        log.blocks[7] = lambda data: data.replace(struct.pack(">d", 1.5), struct.pack(">d", value))

    return tell


def bytes_of(seq, old, new):
    def tell(log):
        def change(data):
            assert data.count(old) == 1
            return data.replace(old, new)

        log.blocks[seq] = change

    return tell


def nested(depth):
    def tell(log):
        deep = 1
        for _ in range(depth):
            deep = [deep]
        log.say(7, observation={"x": deep})

    return tell


def said(seq, **changes):
    return lambda log: log.say(seq, **changes)


def changed(seq, **changes):
    return lambda log: log.change(seq, **changes)


def called(seq, **changes):
    return lambda log: log.records[seq]["body"]["call"].update(changes)


def other_choice(log):
    log.say(7, chosen=(log.records[7]["body"]["chosen"] + 1) % 3)


def other_odds(log):
    """Probabilities that are possible, but under which the seed would draw another entry."""
    chances = [math.log(1e-3)] * 3
    chances[(log.records[7]["body"]["chosen"] + 1) % 3] = math.log(1 - 2e-3)
    log.say(7, logprobs=chances, epsilon=0.0)


def less_than_its_share(log):
    chances = [math.log(0.001), math.log(0.4), math.log(0.599)]
    log.say(7, logprobs=chances, chosen=draw(SEED, 7, chances))


def another_act(log, **changes):
    """A tenth record: the same again, but for its nonce."""
    body = log.records[2]["body"] | {"intent": "1.1", "nonce": 7} | changes
    log.change(9, kind="effect", body=body)


def an_act_after_a_hold(log):
    chances = [math.log(0.98), math.log(0.01), math.log(0.01)]
    log.say(7, logprobs=chances, epsilon=0.0, chosen=0)
    assert draw(SEED, 7, chances) == 0
    another_act(log, because=7, intent="7.0")


def a_settlement_of_nothing(log):
    log.change(9, kind="effect", body=log.records[6]["body"] | {"intent": "6.0", "nonce": 9})


def settled_again(log):
    log.change(9, kind="effect", body=log.records[6]["body"])


def another_first_entry(log):
    log.records[7]["body"]["menu"][0]["key"] = "hold.still"


def of_purpose(purpose, to, function="", args=(), value="0", because=0):
    call = {"to": to, "function": function, "args": list(args), "value": value, "gas": 1}
    sent = {"stage": "sent", "intent": "x.1", "because": because, "purpose": purpose, "nonce": 9}
    return changed(9, kind="effect", body=sent | {"hash": word("x"), "call": call})


def theft_by(purpose, to, *call, **more):
    def tell(log):
        an_ending(log)
        of_purpose(purpose, to, *call, because=8, **more)(log)

    return tell


def later(record, by):
    for each in record:
        each["at"] += by


def at_block(log, seq, number):
    log.change(seq, block={"chain": 31337, "number": number, "hash": word(f"block {number}")})


def a_block_behind_others(log):
    """No two neighbours are far apart: a record in between was read at neither's block."""
    at_block(log, 3, 5000)
    at_block(log, 4, 4940)
    for seq in range(5, 11):
        at_block(log, seq, 4930)


def decided_in_the_end(log):
    an_ending(log, 6)


def closed_by_an_ending_that_was_undone(log):
    a_lease_closed_in_the_end(log)
    an_ending(log, 3)
    log.change(4, kind="halt", body={"halt_id": 1, "reason": "chain"})
    log.change(5, kind="resume", body={"halt_id": 1})
    log.change(6, kind="funds", body=log.records[9]["body"])
    log.say(9, because=3)


def silent(log):
    later(log.records[8:], 60_001)


def promised_silence(log):
    log.say(0, silence_ms=10**10)
    later(log.records[8:], 3_600_001)


def a_gap_since_another_time(log):
    silent(log)
    log.change(8, kind="gap", body={"since_ms": 1, "reason": "killed"})


def decided_while_halted(log):
    log.change(6, kind="halt", body={"halt_id": 1, "reason": "chain"})


def sent_while_halted(log):
    log.change(8, kind="halt", body={"halt_id": 1, "reason": "chain"})
    another_act(log)


def resumed_without_halt(log):
    log.change(6, kind="resume", body={"halt_id": 1})


def after_the_end(log):
    log.epochs.append([log.records[8] | {"at": 10**10}])


def born_second(log):
    birth, decision, *rest = log.epochs[0]
    log.epochs[0] = [decision, birth, *rest]


def born_twice(log):
    log.change(8, kind="birth", body=log.records[0]["body"])


def of_head(epoch, **changes):
    def tell(log):
        log.heads[epoch] = lambda head: replace(head, **changes)

    return tell


def of_signature(change):
    def tell(log):
        log.sigs[1] = change

    return tell


def high(sig):
    s = ORDER - int.from_bytes(sig[32:64], "big")
    return sig[:32] + s.to_bytes(32, "big") + bytes([55 - sig[64]])


def of_another_key(log):
    log.key = Key(b"\7" * 32)


def of_another_registry(log):
    log.registry = MARKET


def of_another_chain(log):
    log.chain = 1


def swapped_epochs(log):
    log.heads[1] = lambda head: replace(head, epoch=2)
    log.heads[2] = lambda head: replace(head, epoch=1)


def sold(**changes):
    return lambda log: an_answer_sold(log, **changes)


def sold_twice(log):
    an_answer_sold(log)
    log.say(8, asset=TOKEN.lower())


TRANSFER_OUT = ("transfer(address,uint256)", (MARKET, 5))
SERVE = "serve(uint256,string)"

LIES = {
    # how records are made
    "a record dropped": (dropped, "intent"),
    "a record dropped, the others as they were": (dropped_but_not_renumbered, "sequence"),
    "records exchanged": (exchanged, "clock"),
    "another record before": (unlinked, "link"),
    "another seq": (misnumbered, "sequence"),
    "another agent": (changed(8, agent=2), "sequence"),
    "another chain": (
        changed(8, block={"chain": 1, "number": 18, "hash": word("block 18")}),
        "order",
    ),
    "at running backwards": (changed(8, at=3), "clock"),
    "a later version": (changed(8, v=2), "record"),
    "an extra field": (changed(8, more=1), "record"),
    "an extra field of the block": (
        changed(8, block={"chain": 31337, "number": 18, "hash": word("x"), "at": 1}),
        "record",
    ),
    "a missing field": (lambda log: log.records[8].pop("at"), "record"),
    "an unknown kind": (changed(8, kind="dream"), "record"),
    "a float for an integer": (changed(8, at=2000.0), "record"),
    "true for one": (changed(8, v=True), "record"),
    "a negative time": (changed(8, at=-1), "record"),
    "an agent beyond 2^53": (changed(8, agent=2**53), "record"),
    "a time beyond 2^53": (changed(8, at=2**53), "record"),
    "a block's hash in capitals": (
        changed(8, block={"chain": 31337, "number": 18, "hash": "0x" + "AB" * 32}),
        "record",
    ),
    "a block's hash that is none": (
        changed(8, block={"chain": 31337, "number": 18, "hash": "nonsense"}),
        "record",
    ),
    "a block's hash in a list": (
        changed(8, block={"chain": 31337, "number": 18, "hash": [word("block 18")]}),
        "record",
    ),
    "a block below the first": (lambda log: at_block(log, 8, -5), "record"),
    "a body that is a list": (changed(8, body=[]), "record"),
    "a body that is a number": (changed(8, body=7), "record"),
    "a body that is a float": (changed(8, body=7.5), "record"),
    "a body that is text": (changed(8, body=""), "record"),
    "a kind in a list": (changed(8, kind=["heartbeat"]), "record"),
    "a stage for a kind": (changed(6, kind="settled"), "record"),
    "a stage that is none": (said(6, stage="lost"), "body"),
    "a link": (a_link, "record"),
    "too long": (said(7, observation={"x": "y" * 65_536}), "record"),
    "far too deep": (nested(30_000), "record"),
    "NaN": (a_float(math.nan), "record"),
    "infinity": (a_float(-math.inf), "record"),
    "a short float": (
        lambda log: (
            log.say(7, observation={"x": 1.5}),
            bytes_of(7, struct.pack(">Bd", 0xFB, 1.5), b"\xf9\x3e\x00")(log),
        ),
        "record",
    ),
    "a long integer": (bytes_of(8, b"av\1", b"av\x18\1"), "record"),
    "keys in another order": (
        bytes_of(8, b"av\1bat\x19\x03\xf0", b"bat\x19\x03\xf0av\1"),
        "record",
    ),
    "a key twice": (bytes_of(8, b"\xa8av\1", b"\xa9av\1av\1"), "record"),
    "an endless map": (
        lambda log: log.blocks.update({8: lambda data: b"\xbf" + data[1:] + b"\xff"}),
        "record",
    ),
    "text that is no text": (bytes_of(8, b"fsteady", b"f\xff\xfeeady"), "record"),
    "undefined": (bytes_of(8, b"estale\xf4", b"estale\xf7"), "record"),
    "something after it": (lambda log: log.blocks.update({8: lambda data: data + b"\0"}), "record"),
    "no CBOR": (lambda log: log.blocks.update({8: lambda _: b"\x9f" * 99}), "record"),
    # who it is
    "birth not first": (born_second, "order"),
    "born twice": (born_twice, "order"),
    "another genome": (said(0, genome={"model": "large"}), "identity"),
    "another log key": (said(0, log_key=OPERATOR.address), "signature"),
    # what was decided
    "another choice": (other_choice, "draw"),
    "other log-probabilities": (other_odds, "draw"),
    "log-probabilities that sum to more": (said(7, logprobs=[-0.1, -0.2, -3.0]), "decision"),
    "a log-probability below its share": (less_than_its_share, "decision"),
    "too few log-probabilities": (said(7, logprobs=[0.0]), "decision"),
    "a choice beyond the menu": (said(7, chosen=3), "decision"),
    "an impossible temperature": (said(7, temperature=0.0), "decision"),
    "an impossible epsilon": (said(7, epsilon=-0.5), "decision"),
    "an epsilon in text": (said(7, epsilon="0.05"), "body"),
    "a temperature in text": (said(7, temperature="1"), "body"),
    "log-probabilities in text": (
        lambda log: log.say(7, logprobs=list(map(str, log.records[7]["body"]["logprobs"]))),
        "body",
    ),
    "a menu that is a map": (
        lambda log: log.say(7, menu={"length": 3, "0": log.records[7]["body"]["menu"][0]}),
        "body",
    ),
    "an empty menu": (said(7, menu=[]), "body"),
    "a menu that begins with something else": (another_first_entry, "body"),
    # what was done
    "an intent twice": (lambda log: another_act(log, intent="1.0"), "intent"),
    "a nonce twice": (lambda log: another_act(log, nonce=2), "intent"),
    "an act without a decision": (lambda log: another_act(log, because=8, intent="8.0"), "intent"),
    "an act of another record's name": (lambda log: another_act(log, intent="8.0"), "intent"),
    "an act before its decision": (lambda log: another_act(log, because=9, intent="9.0"), "intent"),
    "an act after a hold": (an_act_after_a_hold, "intent"),
    "an act without a place": (lambda log: another_act(log, intent="1."), "intent"),
    "an act without a name": (
        lambda log: (another_act(log), log.records[9]["body"].pop("intent")),
        "body",
    ),
    "an act with neither nonce nor pull": (
        lambda log: (another_act(log, nonce=None), log.records[9]["body"].pop("pull")),
        "body",
    ),
    "an unknown purpose": (lambda log: another_act(log, purpose="fun"), "intent"),
    "an unknown purpose in the end": (theft_by("fun", TOKEN, *TRANSFER_OUT), "intent"),
    "a drain because of no ending": (of_purpose("drain", TOKEN, *TRANSFER_OUT), "intent"),
    "an end because of no ending": (of_purpose("end", OPERATOR.address, value="5"), "intent"),
    "a lease closed because of no ending": (closed_by_an_ending_that_was_undone, "intent"),
    "settled without sent": (a_settlement_of_nothing, "intent"),
    "settled twice": (settled_again, "intent"),
    "settled with another nonce": (said(6, nonce=9), "intent"),
    "another checkpoint in an anchor": (said(4, size=2), "anchor"),
    "the ending's nonces once more": (
        lambda log: log.records[10]["body"]["intents"][0].update(nonce=2),
        "intent",
    ),
    # what was sold
    "sold at another price": (sold(price=701), "sale"),
    "sold for less": (sold(amount="699"), "sale"),
    "sold at a price that is no number": (sold(price=700.0), "sale"),
    "sold at no decision's price": (sold(because=1), "sale"),
    "sold at a later decision's price": (sold(because=9), "sale"),
    "sold twice for one payment": (sold_twice, "sale"),
    # how time passed
    "silence without a gap": (silent, "silence"),
    "a block far behind another's": (a_block_behind_others, "clock"),
    "a promise of too much silence": (promised_silence, "silence"),
    "a gap since another time": (a_gap_since_another_time, "silence"),
    "decided while halted": (decided_while_halted, "order"),
    "decided when the ending had begun": (decided_in_the_end, "order"),
    "sent while halted": (sent_while_halted, "order"),
    "resumed without a halt": (resumed_without_halt, "order"),
    "something after the end": (after_the_end, "order"),
    "an end that is none": (said(10, reason="bored"), "body"),
    # how epochs are signed
    "another root": (of_head(1, root=bytes(32)), "tree"),
    "another size": (of_head(1, size=9), "tree"),
    "another checkpoint before": (of_head(1, prev=b"\1" * 32), "link"),
    "epochs exchanged": (swapped_epochs, "link"),
    "another key": (of_another_key, "signature"),
    "another registry's domain": (of_another_registry, "signature"),
    "another chain's domain": (of_another_chain, "signature"),
    "a high s": (of_signature(high), "signature"),
    "v of 0 or 1": (of_signature(lambda sig: sig[:64] + bytes([sig[64] - 27])), "signature"),
    "the other v": (of_signature(lambda sig: sig[:64] + bytes([55 - sig[64]])), "signature"),
    "no signature": (of_signature(lambda _: bytes(65)), "signature"),
}

CALLED = {
    "too long": "damaged",
    "a stage that is none": "record",
    "a choice beyond the menu": "draw",
    "an act without a name": "intent",
    "an act with neither nonce nor pull": "intent",
    "an end that is none": "ending",
}
"""What the second verifier calls by another name than the audit does."""


@pytest.mark.parametrize("name", LIES)
async def test_no_lie_passes_for_being_signed(second, forged, tmp_path, name):
    tell, kind = LIES[name]
    tell(forged)
    ours, theirs = await judged(second, forged.write(tmp_path))
    assert kind in ours
    assert CALLED.get(name, kind) in theirs


def test_far_more_than_twenty_kinds_of_tampering_are_caught_by_both():
    """Each of these is one of the cases above, where both verifiers must name what is wrong."""
    caught = [*FILES, *LIES]
    assert len(caught) == len(set(caught)) >= 25
    assert not set(caught) & set(ONLY_THE_AUDIT)
    assert len({kind for _, kind in (*FILES.values(), *LIES.values())}) >= 15


def a_theft_in_the_end(log):
    an_ending(log)
    call = {"to": TOKEN, "function": "transfer(address,uint256)", "args": [MARKET, 5]}
    sent = {"stage": "sent", "intent": "close.7", "because": 8, "purpose": "act", "nonce": 7}
    told = sent | {"hash": word("x"), "call": call | {"value": "0", "gas": 1}}
    log.change(9, kind="effect", body=told)


ONLY_THE_AUDIT = {
    "too deep": (nested(127), "record"),
    "no wallet": (lambda log: log.records[0]["body"].pop("wallet"), "body"),
    "a decision without its prompt": (lambda log: log.records[7]["body"].pop("prompt"), "body"),
    "a fee that is no amount": (said(6, fee="-1"), "body"),
    "sold to nobody": (sold(**{"from": "0x12"}), "body"),
    "a decision without its thought": (lambda log: log.records[7]["body"].pop("thought"), "body"),
    "a birth without limits": (lambda log: log.records[0]["body"].pop("limits"), "body"),
    "an ending for no reason": (said(8, ending="bored", cause=""), "body"),
    "arguments that do not fit": (called(2, args=["$wallet", -1, 2, "$salt"]), "body"),
    "more arguments than types": (called(2, args=[1]), "body"),
    "a function that is none": (called(2, function="((((("), "body"),
    "arrays beyond measure": (called(2, function="f(uint256[9999999][9999999])"), "body"),
    "serving elsewhere": (of_purpose("serve", MARKET, SERVE, [1, "x"]), "intent"),
    "serving for another": (of_purpose("serve", REGISTRY, SERVE, [2, "x"]), "intent"),
    "serving with ether": (of_purpose("serve", REGISTRY, SERVE, [1, "x"], "5"), "intent"),
    "anchoring by a transfer": (of_purpose("anchor", TOKEN, *TRANSFER_OUT), "intent"),
    "draining to a stranger": (theft_by("drain", TOKEN, *TRANSFER_OUT), "intent"),
    "ending with ether for a stranger": (theft_by("end", MARKET, value="5"), "intent"),
    "what closes a lease takes tokens": (a_theft_in_the_end, "intent"),
}
"""What `examples/verify.mjs` does not look at: what calls do, how deep records are, and the fields
that none of its rules reads."""


@pytest.mark.parametrize("name", ONLY_THE_AUDIT)
async def test_the_second_verifier_leaves_some_of_it_to_the_audit(second, forged, tmp_path, name):
    tell, kind = ONLY_THE_AUDIT[name]
    tell(forged)
    ours, theirs = await judged(second, forged.write(tmp_path))
    assert kind in ours
    changed_epoch = {"anchor"}  # which record 4 anchors by a digest that it no longer has
    assert theirs <= changed_epoch, "then it belongs to those that both catch"


def test_the_second_verifier_takes_no_number_that_it_could_not_keep(second, forged, tmp_path):
    """The page has them as text; where plain data is free, the audit lets them pass."""
    forged.say(7, observation={"x": 2**53})
    found = second.verify(forged.write(tmp_path))
    assert {finding["kind"] for finding in found["findings"]} == {"record"}


# ------------------------------------------------------------------------------ from a gateway


async def both_ask(second, url):
    ours = await audit(url, agent=1)
    theirs = await asyncio.to_thread(second.verify, url, agent=1)
    return ours, theirs


async def test_a_gateway_is_followed_from_its_head(second, tmp_path):
    teller = whole_life()
    async with serving(Honest(teller)) as url:
        ours, theirs = await both_ask(second, url)
    assert (ours.ok, theirs["ok"]) == (True, True)
    assert (ours.records, theirs["records"]) == (11, 11)
    assert theirs == second.verify(teller.write(tmp_path))


async def another_block(request):
    return web.Response(body=b"".join(car_bytes(cid_of(b"\xa0"), [b"\xa0"])))


async def nothing(request):
    return web.Response(status=404)


async def half(request):
    return web.Response(body=b"\x3a\xa2eroots")


async def too_much(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    connection = request.transport
    try:
        while True:
            await answer.write(b"\xff" * 2**20)
    finally:
        connection.abort()  # or what nobody reads keeps it open


@pytest.mark.parametrize("lie", [another_block, nothing, half, too_much])
async def test_a_gateway_that_lies_is_found_out(second, lie):
    teller = whole_life()
    middle = teller.epochs[1][0].cid
    async with serving(Honest(teller, {middle: lie})) as url:
        ours, theirs = await both_ask(second, url)
    assert not ours.ok
    assert {finding["kind"] for finding in theirs["findings"]} >= {"damaged", "missing"}


# ------------------------------------------------------------------------------------- hostile


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def section(block, name=None):
    name = PREFIX + sha256(block).digest() if name is None else name
    return varint(len(name) + len(block)) + name + block


def car(*blocks, header=None, roots=1):
    names = [CID(PREFIX + sha256(blocks[0]).digest())] * roots
    told = encode_dag_cbor({"roots": names, "version": 1}) if header is None else header
    return varint(len(told)) + told + b"".join(map(section, blocks))


def checkpoint(**changes):
    links = [CID(PREFIX + bytes(32))]
    head = {"v": 1, "agent": 1, "epoch": 0, "size": 1, "root": bytes(32), "prev": bytes(32)}
    return encode_dag_cbor(head | {"records": links, "sig": bytes(65)} | changes)


def hostile():
    """Files that lie about lengths, counts and depths, or are as much work as a file can be."""
    honest = b"".join(car_bytes(*one_epoch()))
    small = checkpoint()
    yield from (b"", b"\0", b"\xff" * 64, varint(2**63) + b"x", varint(2**31) + b"x" * 99)
    yield from (honest[:cut] for cut in range(1, len(honest), 97))
    for length in (0, 1, 36, 37, 2**20, 2**32, 2**53, 2**63):
        yield car(small)[: -len(section(small))] + varint(length) + PREFIX + small
    yield car(small, header=b"\xa1gversion\2") + bytes(200)
    yield bytes.fromhex("0aa16776657273696f6e02") + b"\xff" * 40 + car(small)
    for head in ("9b", "bb", "7b", "5b", "db"):  # lists, maps, texts, bytes and tags without end
        yield car(small, header=bytes.fromhex(head) + b"\xff" * 8)
        yield car(bytes.fromhex(head) + b"\xff" * 8)
        yield car(bytes.fromhex(head) + b"\0\0\0\0\xff\xff\xff\xff")
    yield car(b"\x81" * 200_000 + b"\x80")
    yield car(b"\xa1\x60" * 100_000 + b"\xa0")
    yield car(b"\xd8\x2a" * 100_000)
    yield car(small, roots=20_000)
    yield car(checkpoint(records=[CID(PREFIX + bytes(32))] * 6_000))
    yield car(checkpoint(records=[]))
    yield car(checkpoint(records=[CID(PREFIX + bytes(32))] * 4_096), *[b"\xa0"] * 4_096)
    yield car(checkpoint(epoch=2**53 - 1))
    yield car(checkpoint(size=2**53 - 1, epoch=2**52))
    yield car(small, *[b"\x80"] * 200_000)
    yield car(small, b"\x81" * 65_000)
    for block in (b"\x9a\0\1\0\0" + b"\0" * 65_536, b"\xba\0\0\x40\0" + b"\x60\0" * 16_384):
        yield car(checkpoint(records=[CID(PREFIX + sha256(block).digest())]), block)
    for name in (
        b"\x12\x20" + bytes(32),
        b"\1\x55\0\xff\xff\xff\xff\x0f",
        b"\1\x71\x12\x40" + bytes(64),
    ):
        yield car(small) + section(b"\x80", name)


def one_epoch():
    sealed, records = whole_life().epochs[0]
    return sealed.cid, [sealed.encode(), *records]


def test_hostile_files_are_findings_and_soon(second, tmp_path):
    files = list(hostile())
    started = time.monotonic()
    for number, data in enumerate(files):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "epoch.car").write_bytes(data)
        assert not second.verify(folder)["ok"], number
    flood = tmp_path / "flood"
    flood.mkdir()
    for number, data in enumerate(files):
        (flood / f"{number}.car").write_bytes(data)
    assert len(second.verify(flood)["findings"]) >= len(files) / 2
    assert time.monotonic() - started < 20


async def test_hostile_records_are_findings_and_soon(second, forged, tmp_path):
    """Well signed, and in place: a record of nothing but work."""
    worst = [
        b"\x81" * 65_000 + b"\x80",
        b"\xa1\x60" * 32_000 + b"\xa0",
        b"\x9a\0\0\xff\0" + b"\0" * 65_280,
        encode_dag_cbor({"": [{}] * 65_000}),
        encode_dag_cbor({str(key): None for key in range(9_000)}),
        b"\xfb" + b"\x7f" * 8,
        bytes(65_536),
    ]
    for number, data in enumerate(worst):
        forged.blocks[8] = lambda _, data=data: data
        ours, theirs = await judged(second, forged.write(tmp_path / str(number)))
        assert "record" in ours & theirs


async def test_a_signature_has_65_bytes_and_none_behind_them(second, tmp_path):
    whole_life().write(tmp_path)
    path = max(tmp_path.iterdir())
    sealed, *records = (block.data for block in read_epoch(path))
    longer = decode_dag_cbor(sealed)
    longer["sig"] += b"junk"
    path.unlink()
    again = encode_dag_cbor(longer)
    write_car(tmp_path / car_name(2, cid_of(again)), cid_of(again), [again, *records])
    ours, theirs = await judged(second, tmp_path)
    assert "damaged" in ours
    assert "signature" in theirs


SIZES = {
    "a header": lambda many: car(b"\x80", header=many),
    "a checkpoint": car,
    "a record": lambda many: car(
        checkpoint(records=[CID(PREFIX + sha256(many).digest())]),
        many,
    ),
}


@pytest.mark.parametrize("name", SIZES)
async def test_nothing_is_decoded_that_is_larger_than_it_may_be(second, tmp_path, name):
    """A list of millions of lists takes a hundred times its bytes, and more than Node has."""
    many = b"\x9a" + (100_000_000).to_bytes(4, "big") + b"\x80" * 100_000_000
    (tmp_path / car_name(0, cid_of(b""))).write_bytes(SIZES[name](many))
    started = time.monotonic()
    ours, theirs = await judged(second, tmp_path)
    assert "damaged" in ours & theirs
    assert time.monotonic() - started < 5


def test_every_byte_of_an_epochs_header_counts(second, tmp_path):
    """Of each another bit, as each needs a process."""
    folder = whole_life().write(tmp_path)
    path = min(folder.iterdir())
    honest = path.read_bytes()
    for place in range(honest.index(b"epoch")):
        data = bytearray(honest)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        assert not second.verify(folder)["ok"], place


# ----------------------------------------------------------------------------------- the command


PROGRAM = (EXAMPLES / "verify.mjs").read_text()
PINNED = json.loads((HERE / "package.json").read_text())["dependencies"]


def test_the_second_verifier_fits_on_a_few_pages():
    lines = PROGRAM.splitlines()
    assert len(lines) <= 150
    assert max(map(len, lines)) <= 100


def test_the_second_verifier_is_one_file_on_other_peoples_packages():
    named = re.findall(r"""(?:from|import|require)\s*\(?\s*['"]([^'"]+)['"]""", PROGRAM)
    packages = {re.match(r"@[^/]+/[^/]+|[^/]+", name)[0] for name in named}
    assert {name for name in packages if not name.startswith("node:")} == {
        "@ipld/car",
        "@ipld/dag-cbor",
        "@noble/curves",
        "@noble/hashes",
        "cborg",
        "multiformats",
    }
    assert packages <= {"node:fs", "node:util", *PINNED}
    assert not re.search(r"\bimport\s*\(|\brequire\b|\beval\b", PROGRAM)


def spelled_out(told):
    """What a shell makes of `a{b,c}d`."""
    before, brace, rest = told.partition("{")
    if not brace:
        return [told]
    inner, _, after = rest.partition("}")
    return [before + each + after for each in inner.split(",")]


def test_a_stranger_installs_what_the_tests_run_on():
    told = " ".join(re.findall(r"npm install ([^;\n]+)", PROGRAM))
    named = [name for word in told.split() for name in spelled_out(word)]
    assert len(named) == 6
    assert dict(name.rsplit("@", 1) for name in named).items() <= PINNED.items()


def test_the_command_prints_a_line_for_each_finding(second, forged, tmp_path):
    honest = second.run(forged.write(tmp_path / "honest"))
    assert (honest.returncode, honest.stdout, honest.stderr) == (0, "OK\n", "")
    other_choice(forged)
    forged.say(3, intent="a\nlie\x1b[31m")
    lie = second.run(forged.write(tmp_path / "lie"))
    assert lie.returncode == 1
    assert lie.stderr == ""
    *lines, last = lie.stdout.splitlines()
    assert last == f"FAILED {len(lines)}"
    assert [line.split()[:2] for line in lines] == [["intent", "3"], ["draw", "7"]]
    assert "\x1b" not in lie.stdout
    found = json.loads(second.run(tmp_path / "lie", "--json").stdout)
    assert [finding["record"] for finding in found["findings"]] == [3, 7]


USELESS = [
    [],
    ["a", "b"],
    ["a", "--agent", "x"],
    ["a", "--rpc", "http://127.0.0.1:1"],
    ["a", "--what"],
    ["http://127.0.0.1:1"],
    ["http://127.0.0.1:1", "--agent", "1"],
    ["nowhere"],
    ["."],
]


@pytest.mark.parametrize("arguments", USELESS)
def test_the_command_knows_when_there_is_nothing_to_verify(second, arguments):
    done = second.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "    at " not in done.stderr
