"""Records are one form of bytes and nothing else."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cbrrr import CID, encode_dag_cbor
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import BLOCK

from telemetry import record
from telemetry.errors import BadRecord
from telemetry.record import KINDS, MAX_BYTES, MAX_DEPTH, NO_PREV, BlockRef, Record

FIRST = Record(1, 0, 1_700_000_000_000, BLOCK, NO_PREV, "birth", {"wallet": "0x00"})
LOOKS_LIKE_A_CID = b"\x01\x71\x12\x1c" + bytes(28)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.binary(max_size=40)
    | st.just(LOOKS_LIKE_A_CID)
)
bodies = st.dictionaries(
    texts,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


@given(bodies, st.sampled_from(sorted(KINDS)), st.integers(1, 2**53 - 1))
def test_what_goes_in_comes_out(body, kind, seq):
    record = Record(1, seq, 5, BLOCK, sha256(b"before").digest(), kind, body)
    data = record.encode()
    found = Record.decode(data)
    assert found == record
    assert repr(found.body) == repr(dict(sorted(body.items(), key=_canonical))) or found == record
    assert found.encode() == data


def _canonical(item):
    return len(item[0].encode()), item[0].encode()


def test_bytes_that_look_like_a_cid_stay_bytes():
    data = FIRST._replace(
        body={"digest": LOOKS_LIKE_A_CID, "cid": b"\x00\x01\x71\x12\x20" + bytes(32)}
    )
    assert Record.decode(data.encode()).body == data.body


def test_tuples_and_mappings_are_kept_as_lists_and_maps():
    record = FIRST._replace(body={"logprobs": (-0.5, -1.5), "menu": ({"key": "hold"},)})
    assert Record.decode(record.encode()).body == {
        "logprobs": [-0.5, -1.5],
        "menu": [{"key": "hold"}],
    }


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        -(2**63) - 1,
        float("nan"),
        float("inf"),
        {1: "a key that is no text"},
        "a lone surrogate \ud800",
        {"\ud800": 1},
        CID(b"\x01\x71\x12\x20" + bytes(32)),
        object(),
        bytearray(b"x"),
        {1, 2},
    ],
    ids=repr,
)
def test_what_cannot_be_kept_exactly_is_refused(value):
    with pytest.raises(BadRecord):
        FIRST._replace(body={"value": value}).encode()


def test_depth_is_bounded_both_ways():
    deep: object = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    with pytest.raises(BadRecord):
        FIRST._replace(body={"deep": deep}).encode()
    raw = _fields(body={"deep": deep})
    with pytest.raises(BadRecord):
        Record.decode(encode_dag_cbor(raw))


@given(
    st.integers(-(2**64), 2**64 - 1) | st.integers(-(2**63) - 2, -(2**63) + 2),
    st.binary(max_size=40) | st.floats(allow_nan=False, allow_infinity=False) | st.just(-5),
    st.integers(0, MAX_DEPTH - 3),
)
def test_no_integer_lies_below_all_others_wherever_it_stands(number, beside, depth):
    """Bytes that only look like one are told from it, also where the same objects come twice."""
    inside: object = {"beside": beside, "number": number}
    for level in range(depth):
        inside = [inside] if level % 2 else {"n": inside}
    body = {"inside": inside, "looks": b";\xff" * 4, "list": [beside, number, number]}
    data = encode_dag_cbor(_fields(body=body))
    if number < -(2**63):
        with pytest.raises(BadRecord):
            Record.decode(data)
        with pytest.raises(BadRecord):
            FIRST._replace(body=body).encode()
    else:
        assert Record.decode(data).body == body
        assert Record.decode(FIRST._replace(body=body).encode()).body == body


def test_bytes_that_only_look_like_such_an_integer_cost_no_walk(monkeypatch):
    body = {"float": -1.8643301620628905, "bytes": b";\xff", "n": [-1, 2**64 - 1, "x"]}
    data = FIRST._replace(body=body).encode()
    monkeypatch.setattr(record, "plain", None)
    assert b";" in data
    assert Record.decode(data).body == body
    assert FIRST._replace(body=body).encode() == data


def test_size_is_bounded_both_ways():
    with pytest.raises(BadRecord):
        FIRST._replace(body={"text": "x" * MAX_BYTES}).encode()
    with pytest.raises(BadRecord):
        Record.decode(encode_dag_cbor(_fields(body={"text": "x" * MAX_BYTES})))


@pytest.mark.parametrize(
    "change",
    [
        {"agent": -1},
        {"agent": 2**53},
        {"seq": True},
        {"at": 1.5},
        {"prev": bytes(31)},
        {"prev": sha256(b"").digest()},
        {"seq": 1},
        {"kind": "confession"},
        {"body": []},
        {"block": BlockRef(1, 1, "0x" + "AB" * 32)},
        {"block": BlockRef(1, 1, "ab" * 33)},
        {"block": BlockRef(1, -1, "0x" + "ab" * 32)},
        {"block": BlockRef(1, 1, "0x" + "ab" * 32 + "\n")},
    ],
    ids=repr,
)
def test_wrong_fields_are_refused_both_ways(change):
    record = FIRST._replace(**change)
    with pytest.raises(BadRecord):
        record.encode()
    block = record.block
    fields = {**_fields(), **change}
    fields["block"] = {"chain": block.chain, "number": block.number, "hash": block.hash}
    with pytest.raises(BadRecord):
        Record.decode(encode_dag_cbor(fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"v": 2},
        {"v": 1.0},
        {"v": True},
        {"more": 1},
        {"block": {"chain": 1, "number": 1}},
        {"block": {"chain": 1, "number": 1, "hash": "0x" + "ab" * 32, "at": 1}},
        {"body": {"link": CID(b"\x01\x71\x12\x20" + bytes(32))}},
        {"body": {"low": -(2**64)}},
    ],
    ids=repr,
)
def test_other_forms_are_not_records(fields):
    with pytest.raises(BadRecord):
        Record.decode(encode_dag_cbor(_fields() | fields))


@pytest.mark.parametrize("missing", ["v", "agent", "seq", "at", "block", "prev", "kind", "body"])
def test_every_field_is_needed(missing):
    fields = _fields()
    del fields[missing]
    with pytest.raises(BadRecord):
        Record.decode(encode_dag_cbor(fields))


@settings(max_examples=300)
@given(st.data())
def test_no_other_bytes_decode_to_a_record(data):
    """Whatever decodes encodes to the very bytes it came from."""
    raw = bytearray(FIRST._replace(body={"n": 1, "list": [1, -2, 1.5, None, b"x"]}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        record = Record.decode(bytes(raw))
    except BadRecord:
        return
    assert record.encode() == raw


@given(st.binary(max_size=200))
def test_noise_is_refused_and_never_a_crash(noise):
    with pytest.raises(BadRecord):
        Record.decode(noise)


def test_the_leaf_is_the_hash_that_the_next_record_repeats():
    assert FIRST.leaf() == sha256(b"\x00" + FIRST.encode()).digest()


def _fields(**change):
    block = {"chain": BLOCK.chain, "number": BLOCK.number, "hash": BLOCK.hash}
    return {
        "v": 1,
        "agent": 1,
        "seq": 0,
        "at": 5,
        "block": block,
        "prev": NO_PREV,
        "kind": "birth",
        "body": {},
    } | change
