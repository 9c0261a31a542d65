"""Epoch files hold what they name, or are refused."""

from __future__ import annotations

import io
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import car
from telemetry.car import (
    Block,
    car_bytes,
    car_name,
    car_pieces,
    car_places,
    epoch_files,
    read_car,
    read_epoch,
    write_car,
)
from telemetry.cid import PREFIX, RAW, Cid, cid_of, digest_of, from_binary, from_digest, to_binary
from telemetry.errors import BadCar, BadCid

BLOCKS = [b"root", b"first", b"", b"x" * 300]
ROOT = cid_of(BLOCKS[0])
WHOLE = b"".join(car_bytes(ROOT, BLOCKS))


def read(data: bytes) -> tuple[Cid, list[Block]]:
    root, blocks = read_car(io.BytesIO(data))
    return root, list(blocks)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_blocks_come_back_in_order_under_their_names(data):
    root, blocks = read(b"".join(car_bytes(ROOT, data)))
    assert root == ROOT
    assert blocks == [(cid_of(block), block) for block in data]


def test_a_known_file_reads_and_writes_the_same():
    """The header's bytes as the CARv1 specification spells them."""
    binary = b"\x01\x71\x12\x20" + sha256(b"root").digest()
    header = b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00" + binary + b"\x67version\x01"
    expected = bytes([len(header)]) + header + bytes([36 + 4]) + binary + b"root"
    assert b"".join(car_bytes(ROOT, [b"root"])) == expected


def test_any_changed_byte_is_noticed():
    for at in range(len(WHOLE)):
        broken = bytearray(WHOLE)
        broken[at] ^= 1
        try:
            root, blocks = read(bytes(broken))
        except BadCar:
            continue
        assert root != ROOT, f"byte {at}"  # a flipped digest in the header names another root
        assert blocks[0].cid == ROOT


def test_any_cut_is_noticed_but_those_between_blocks():
    ends = [len(b"".join(car_bytes(ROOT, BLOCKS[:n]))) for n in range(len(BLOCKS) + 1)]
    for at in range(len(WHOLE)):
        if at in ends:
            assert len(read(WHOLE[:at])[1]) == ends.index(at)
        else:
            with pytest.raises(BadCar):
                read(WHOLE[:at])


@pytest.mark.parametrize(
    "tail",
    [
        b"\x00",
        b"\x80\x00",
        b"\xff\xff\xff\xff\xff\xff",
        b"\x24\x00",
        b"\x05abcde",
        b"\xa5\x80\x80\x01",  # one more than the largest block with its name
        bytes([36]) + b"\x01\x55\x12\x20" + sha256(b"").digest(),
    ],
)
def test_lengths_out_of_bounds_and_other_names_are_refused(tail):
    with pytest.raises(BadCar):
        read(WHOLE + tail)


def test_too_many_blocks_are_refused_before_they_are_kept():
    data = b"".join(car_bytes(ROOT, BLOCKS))
    _, blocks = read_car(io.BytesIO(data), max_blocks=3)
    with pytest.raises(BadCar, match="not a valid CAR"):
        list(blocks)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise):
    with pytest.raises(BadCar):
        read(noise)


def test_a_file_appears_whole_under_its_name(tmp_path):
    path = tmp_path / "cars" / car_name(7, ROOT)
    write_car(path, ROOT, BLOCKS)
    assert path.name == f"000007-{ROOT}.car"
    assert [block.data for block in read_epoch(path)] == BLOCKS
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    def failing():
        yield b"root"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_car(tmp_path / car_name(0, ROOT), ROOT, failing())
    assert list(tmp_path.iterdir()) == []


def test_a_file_under_another_name_is_refused(tmp_path):
    path = tmp_path / car_name(0, cid_of(b"another"))
    write_car(path, ROOT, BLOCKS)
    with pytest.raises(BadCar):
        read_epoch(path)


def test_a_file_without_its_root_first_is_refused(tmp_path):
    path = tmp_path / car_name(0, ROOT)
    write_car(path, ROOT, BLOCKS[::-1])
    with pytest.raises(BadCar):
        read_epoch(path)


def test_a_folder_lists_its_epochs_in_order_and_nothing_else(tmp_path):
    for epoch in (10, 2, 1_000_000):
        write_car(tmp_path / car_name(epoch, ROOT), ROOT, BLOCKS)
    (tmp_path / "notes.txt").touch()
    (tmp_path / f".{car_name(3, ROOT)}.99").touch()
    assert [file.epoch for file in epoch_files(tmp_path)] == [2, 10, 1_000_000]


def test_names_are_one_to_one():
    cid = cid_of(b"root")
    assert from_digest(digest_of(cid)) == from_binary(to_binary(cid)) == cid
    spare = next(c for c in "abcdefgh" if c not in "aeimquy4")
    for wrong in ("", "b", cid.upper(), cid[:-1], cid + "a", cid[:-1] + spare, "z" + cid[1:]):
        with pytest.raises(BadCid):
            digest_of(wrong)
    with pytest.raises(BadCid):
        from_binary(b"\x01\x55\x12\x20" + bytes(32))


def test_bounds_hold_a_whole_epoch():
    assert car.MAX_BLOCKS == 4097


# CARs of files too

MIXED = [(PREFIX, b"root"), (RAW, b"part" * 1000), (RAW, b"root"), (PREFIX, b"last")]
BOTH = b"".join(car_pieces(ROOT, MIXED))


def test_blocks_of_both_kinds_lie_where_they_are_said_to():
    root, places = car_places(io.BytesIO(BOTH), 4)
    assert root == ROOT
    found = [(name, BOTH[at : at + size]) for name, (at, size) in places.items()]
    assert found == [(kind + sha256(data).digest(), data) for kind, data in MIXED]


def test_a_log_has_blocks_of_one_kind():
    with pytest.raises(BadCar):
        read(BOTH)


def test_a_raw_block_has_a_name_of_its_own():
    """As the specification's multibase and multicodec tables spell it, and IPFS tools print it."""
    empty = sha256(b"").digest()
    assert from_digest(empty, RAW) == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    with pytest.raises(BadCid):
        digest_of(from_digest(empty, RAW))


@pytest.mark.parametrize("most", [0, 3])
def test_places_are_bounded_in_number(most):
    with pytest.raises(BadCar):
        car_places(io.BytesIO(BOTH), most)


def test_places_of_a_file_cut_short_are_refused_or_reach_beyond_it():
    for end in range(len(BOTH)):
        try:
            _, places = car_places(io.BytesIO(BOTH[:end]), 4)
        except BadCar:
            continue
        whole = len(places) < len(MIXED)  # cut between two blocks
        assert whole or any(at + size > end for at, size in places.values())
