"""The quick decoder says what the general one says, of sound answers and of rotten ones."""

from __future__ import annotations

import pytest
from eth_abi import abi
from eth_abi.exceptions import DecodingError
from hypothesis import given
from hypothesis import strategies as st

from chain.abi import _inward
from chain.words import reader

SCALARS = st.sampled_from(["uint256", "uint64", "uint8", "address", "bool", "bytes32", "bytes4"])
TUPLES = st.lists(SCALARS, min_size=1, max_size=4).map(lambda kinds: f"({','.join(kinds)})")
FLAT = st.one_of(SCALARS, TUPLES)
FORMS = st.lists(st.one_of(FLAT, FLAT.map(lambda kind: kind + "[]")), min_size=1, max_size=4)


def general(types, data):
    values = abi.decode(types, data)
    return [_inward(kind, value) for kind, value in zip(types, values, strict=True)]


def value_of(kind):
    if kind.endswith("[]"):
        return st.lists(value_of(kind[:-2]), max_size=3)
    if kind.startswith("("):
        return st.tuples(*(value_of(part) for part in kind[1:-1].split(",")))
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind[4:]) - 1)
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    return st.booleans() if kind == "bool" else st.binary(min_size=4, max_size=int(kind[5:]))


@given(st.data(), FORMS)
def test_sound_answers_read_the_same(data, types):
    values = [data.draw(value_of(kind)) for kind in types]
    raw = abi.encode(types, values)
    assert reader(tuple(types))(raw) == general(types, raw)


@given(st.data(), FORMS)
def test_rotten_answers_are_refused_by_both_or_read_the_same(data, types):
    raw = bytearray(abi.encode(types, [data.draw(value_of(kind)) for kind in types]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(0, len(raw))) :]
    try:
        expected = general(types, bytes(raw))
    except (DecodingError, OverflowError, ValueError):
        with pytest.raises(DecodingError):
            reader(tuple(types))(bytes(raw))
    else:
        assert reader(tuple(types))(bytes(raw)) == expected


@pytest.mark.parametrize("kind", ["string", "bytes", "uint256[][]", "(uint256,string)", "int256"])
def test_other_forms_are_left_to_the_general_one(kind):
    assert reader((kind,)) is None


def test_a_list_that_claims_to_be_endless_is_refused_at_once():
    raw = (32).to_bytes(32, "big") + (2**255).to_bytes(32, "big")
    with pytest.raises(DecodingError):
        reader(("uint256[]",))(raw)
