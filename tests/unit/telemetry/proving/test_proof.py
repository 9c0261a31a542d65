"""A proof shows what it says and nothing else, whoever wrote it down."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lives import LOG_KEY, Teller

from chain.keys import Key
from chain.permit import Domain, sign
from telemetry.car import car_bytes
from telemetry.checkpoint import Head
from telemetry.errors import BadProof
from telemetry.proving.proof import (
    Anchor,
    Attested,
    Consistency,
    Inclusion,
    Log,
    NotProven,
    Proven,
    Seal,
    Verdict,
    check,
)
from telemetry.proving.walk import Walk
from telemetry.proving.written import MAX_PATH, MAX_TEXT, plain, read, written
from telemetry.record import MAX_BYTES, Record
from telemetry.tree import Tree, leaf_hash

SIZES = (1, 3, 4, 9, 16, 17, 30)
OTHER = Key(b"\7" * 32)


def told(twists=None) -> Teller:
    """A birth and heartbeats, in epochs of these sizes."""
    teller = Teller(twists or {})
    teller.birth()
    for size in SIZES:
        while teller.tree.size < size:
            teller.beat()
        teller.seal()
    return teller


def walked(teller: Teller, until: int, **what: int) -> Walk:
    walk = Walk(teller.agent, **what)
    for checkpoint, records in teller.epochs[: until + 1]:
        car = b"".join(car_bytes(checkpoint.cid, [checkpoint.encode(), *records]))
        assert walk.read(BytesIO(car)) == checkpoint.head.epoch
    return walk


TELLER = told()
INCLUSION = walked(TELLER, 5, seq=7).inclusion(7)
CONSISTENCY = walked(TELLER, 5, first=3).consistency(3)
ANCHORS = {seal.head.epoch: seal.anchor for seal in (INCLUSION.seal, CONSISTENCY.older)}
KNOWN = Attested(INCLUSION.log, ANCHORS)


def test_every_record_is_proven_under_every_checkpoint_that_covers_it():
    for epoch, size in enumerate(SIZES):
        for seq in range(size):
            proof = walked(TELLER, epoch, seq=seq).inclusion(seq)
            assert isinstance(proof, Inclusion)
            assert Record.decode(proof.record).seq == seq
            assert check(proof) == Proven(None)
            assert read(written(proof).encode()) == proof


def test_every_checkpoint_is_proven_to_go_on_from_every_earlier_one():
    for newer in range(len(SIZES)):
        for older in range(newer):
            proof = walked(TELLER, newer, first=older).consistency(older)
            assert isinstance(proof, Consistency)
            assert check(proof) == Proven(None)
            assert read(written(proof).encode()) == proof


def test_what_the_registry_confirms_is_said():
    assert check(INCLUSION, KNOWN) == Proven((5,))
    assert check(CONSISTENCY, KNOWN) == Proven((3, 5))
    only = Attested(KNOWN.log, {3: ANCHORS[3]})
    assert check(CONSISTENCY, only) == Proven((3,))


def other_key() -> Attested:
    return Attested(replace(KNOWN.log, log_key=OTHER.address), ANCHORS)


def elsewhere(**place) -> Attested:
    return Attested(replace(KNOWN.log, domain=replace(KNOWN.log.domain, **place)), ANCHORS)


def anchored(**changes) -> Attested:
    return Attested(KNOWN.log, {5: ANCHORS[5]._replace(**changes)})


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (other_key(), "the registry's log key is"),
        (elsewhere(chain_id=1), "are signed for registry .* on chain 31337"),
        (elsewhere(contract=OTHER.address), "are signed for registry"),
        (anchored(root=bytes(32)), "has anchored another checkpoint 5"),
        (anchored(size=16), "has anchored another checkpoint 5"),
        (anchored(digest=bytes(32)), "has anchored another checkpoint 5"),
        (Attested(KNOWN.log, {}), "checkpoint .*5 is not anchored"),
        (Attested(KNOWN.log, {6: Anchor(30, bytes(32), bytes(32))}), "is not anchored"),
    ],
)
@pytest.mark.parametrize("proof", [INCLUSION, CONSISTENCY])
def test_what_the_registry_does_not_confirm_is_not_proven(proof, known, why):
    check_says(check(proof, known), why)


def check_says(verdict: Verdict, why: str) -> None:
    assert isinstance(verdict, NotProven)
    assert re.search(why, verdict.why), verdict.why


def test_a_fork_is_not_hidden_behind_another_anchor():
    """The older checkpoint is anchored, but of the newer one the registry knows another."""
    known = Attested(KNOWN.log, {3: ANCHORS[3], 5: Anchor(17, bytes(32), bytes(32))})
    check_says(check(CONSISTENCY, known), "another checkpoint 5")


# --------------------------------------------------------------------------------------- tampering


def places(value, at=()):
    """Every leaf of a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*at, index))
    else:
        yield at


def changed(text: str, at, change) -> bytes:
    value = json.loads(text)
    inner = value
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = change(inner[at[-1]])
    return json.dumps(value).encode()


def one_bit(bit: int):
    """Of bytes one bit, of a number one more, of an address another digit."""

    def change(value):
        if isinstance(value, int):
            return value + (1 if bit % 2 else -1)
        if not value.startswith("0x"):
            return {"inclusion": "consistency", "consistency": "inclusion"}[value]
        size = (len(value) - 2) // 2
        number = int(value, 16) ^ 1 << bit % (8 * size)
        return f"0x{number:0{2 * size}x}"

    return change


def proves(text: bytes, known: Attested | None = None) -> bool:
    try:
        return isinstance(check(read(text), known), Proven)
    except BadProof:
        return False


@pytest.mark.parametrize("proof", [INCLUSION, CONSISTENCY])
@pytest.mark.parametrize("bit", [0, 1, 6, 77, 255, 519])
def test_no_field_can_be_changed(proof, bit):
    text = written(proof)
    assert proves(text.encode(), KNOWN)
    for at in places(plain(proof)):
        bent = changed(text, at, one_bit(bit))
        assert not proves(bent, KNOWN), at
        if at[-1] != "digest":  # which the signature does not cover
            assert not proves(bent), at


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 8 * len(INCLUSION.record) - 1), st.integers(0, len(INCLUSION.path) * 256 - 1))
def test_no_bit_of_the_record_or_the_path_can_be_changed(record_bit, path_bit):
    record = bytearray(INCLUSION.record)
    record[record_bit // 8] ^= 1 << record_bit % 8
    assert isinstance(check(replace(INCLUSION, record=bytes(record))), NotProven)
    for proof in (INCLUSION, CONSISTENCY):
        at, bit = divmod(path_bit, 256)
        path = [bytearray(node) for node in proof.path]
        path[at % len(path)][bit // 8] ^= 1 << bit % 8
        assert isinstance(check(replace(proof, path=tuple(map(bytes, path)))), NotProven)


@pytest.mark.parametrize("proof", [INCLUSION, CONSISTENCY])
def test_a_path_is_neither_longer_nor_shorter_nor_in_another_order(proof):
    path, node = proof.path, proof.path[0]
    others = [path[:at] + path[at + 1 :] for at in range(len(path))]
    others += [(*path[:at], node, *path[at:]) for at in range(len(path) + 1)]
    for other in (*others, (), path[::-1], (node,) * 60):
        check_says(check(replace(proof, path=other)), "the path does not lead")


def test_a_proof_is_of_one_checkpoint():
    other = walked(TELLER, 4, seq=7).inclusion(7)
    check_says(check(replace(INCLUSION, seal=other.seal)), "the path does not lead")
    bent = replace(INCLUSION.seal, sig=other.seal.sig)
    check_says(check(replace(INCLUSION, seal=bent)), "not signed by the log key")


def test_time_does_not_run_backwards():
    back = Consistency(CONSISTENCY.log, CONSISTENCY.newer, CONSISTENCY.older, CONSISTENCY.path)
    check_says(check(back), "checkpoint 3 does not come after checkpoint 5")
    same = Consistency(CONSISTENCY.log, CONSISTENCY.newer, CONSISTENCY.newer, ())
    check_says(check(same), "does not come after")


def signed(record: bytes, agent: int = 1, key: Key = LOG_KEY) -> Inclusion:
    """A log of one record, whatever that is."""
    tree = Tree().append(leaf_hash(record))
    head = Head(agent, 0, 1, tree.root, bytes(32))
    log = Log(LOG_KEY.address, INCLUSION.log.domain)
    return Inclusion(log, Seal(head, bytes(32), sign(key, log.domain, head)), 0, record, ())


def test_a_signed_tree_over_something_else_than_the_record_proves_nothing():
    first = TELLER.epochs[0][1][0]
    assert check(signed(first)) == Proven(None)
    check_says(check(signed(b"\xa0")), "its record is none")
    check_says(check(signed(first, agent=2)), "says that it is number 0 of agent 1")
    check_says(check(signed(TELLER.epochs[1][1][0])), "says that it is number 1 of agent 1")
    check_says(check(signed(first, key=OTHER)), "not signed by the log key")


def test_two_agents_are_not_one_log():
    older = CONSISTENCY.older
    head = Head(2, 3, older.head.size, older.head.root, older.head.prev)
    other = Seal(head, older.digest, sign(LOG_KEY, CONSISTENCY.log.domain, head))
    check_says(check(replace(CONSISTENCY, older=other)), "of two agents, 2 and 1")


def test_a_key_is_that_of_its_registry_and_chain():
    for domain in (Domain(1, KNOWN.log.domain.contract), Domain(31337, OTHER.address)):
        log = Log(LOG_KEY.address, domain)
        check_says(check(replace(INCLUSION, log=log)), "not signed by the log key")


# --------------------------------------------------------------------------------- hostile writing


def put(*at, to):
    return lambda proof: changed(written(proof), at, lambda _: to)


def without(name):
    def change(proof):
        return json.dumps({k: v for k, v in plain(proof).items() if k != name}).encode()

    return change


def added(name):
    return lambda proof: json.dumps(plain(proof) | {name: 1}).encode()


NODE = "0x" + "00" * 32
STRANGE = [
    lambda _: b"",
    lambda _: b"\xff\xfe",
    lambda _: b"null",
    lambda _: b"[]",
    lambda _: b"{}",
    lambda _: b"[" * 100_000,
    lambda _: b'{"a":' * 50_000,
    lambda _: b'{"proves": "everything"}',
    lambda _: b'{"proves": "inclusion"}',
    lambda proof: written(proof).encode() + b"{}",
    lambda proof: written(proof).encode() + b" " * MAX_TEXT,
    lambda proof: written(proof).replace('"v": 1,', '"v": 1, "v": 1,').encode(),
    lambda proof: written(proof).replace('"v": 1,', '"v": NaN,').encode(),
    lambda proof: written(proof).replace('"v": 1,', '"v": 1e0,').encode(),
    lambda proof: written(proof).replace('"v": 1,', '"v": ' + "1" * 5000 + ",").encode(),
    without("path"),
    without("log_key"),
    added("note"),
    put("v", to=2),
    put("v", to=True),
    put("agent", to="1"),
    put("agent", to=None),
    put("agent", to=-1),
    put("agent", to=2**53),
    put("chain", to=1.0),
    put("chain", to=[1]),
    put("registry", to="5FbDB2315678afecb367f032d93F642f64180aa3"),
    put("registry", to="0x5F"),
    put("registry", to=5),
    put("log_key", to=None),
    put("path", to={}),
    put("path", to="0x"),
    put("path", to=[NODE] * (MAX_PATH + 1)),
    put("path", to=[NODE[:-2]]),
    put("path", to=[NODE + "00"]),
    put("path", to=[NODE[:-1]]),
    put("path", to=[NODE[2:]]),
    put("path", to=["0x" + "AA" * 32]),
    put("path", to=["0x" + "zz" * 32]),
    put("path", to=["0x" + "\u0661" * 64]),
    put("path", to=[[NODE]]),
    put("path", to=[None]),
]


@pytest.mark.parametrize("change", STRANGE)
@pytest.mark.parametrize("proof", [INCLUSION, CONSISTENCY])
def test_what_is_not_of_the_form_is_refused_in_one_way(shallow, proof, change):
    with pytest.raises(BadProof):
        read(change(proof))


SEALED = [
    ("epoch", "1"),
    ("size", -1),
    ("size", True),
    ("root", NODE + "00"),
    ("prev", None),
    ("digest", 7),
    ("sig", "0x" + "00" * 64),
]


@pytest.mark.parametrize(("name", "to"), SEALED)
def test_a_strange_checkpoint_is_refused(name, to):
    for proof, where in (
        (INCLUSION, "checkpoint"),
        (CONSISTENCY, "older"),
        (CONSISTENCY, "newer"),
    ):
        with pytest.raises(BadProof, match=name):
            read(put(where, name, to=to)(proof))
        with pytest.raises(BadProof):
            read(put(where, to=to)(proof))


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("seq", 1.5),
        ("seq", None),
        ("bytes", "0x"),
        ("bytes", "0x0"),
        ("bytes", "0x" + "00" * (MAX_BYTES + 1)),
        ("bytes", 12),
    ],
)
def test_a_strange_record_is_refused(name, to):
    with pytest.raises(BadProof, match=name):
        read(put("record", name, to=to)(INCLUSION))


def test_the_largest_proof_there_is_can_be_read():
    largest = replace(INCLUSION, record=bytes(MAX_BYTES), path=(bytes(32),) * MAX_PATH)
    assert read(written(largest).encode()) == largest


def test_an_address_may_be_written_without_its_checksum():
    text = written(INCLUSION).replace(INCLUSION.log.log_key, INCLUSION.log.log_key.lower())
    assert read(text.encode()) == INCLUSION


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([INCLUSION, CONSISTENCY]), st.data(), json_values)
def test_no_value_anywhere_can_crash_the_reader(proof, data, value):
    at = data.draw(st.sampled_from(list(places(plain(proof)))))
    at = at[: data.draw(st.integers(1, len(at)))]
    with suppress(BadProof):
        check(read(changed(written(proof), at, lambda _: value)))


@given(st.binary(max_size=200))
def test_no_bytes_can_crash_the_reader(text):
    with pytest.raises(BadProof):
        read(text)
