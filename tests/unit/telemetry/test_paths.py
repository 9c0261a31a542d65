"""Paths below a CID lead through maps, lists and links, or nowhere."""

from __future__ import annotations

import pytest
from cbrrr import CID, encode_dag_cbor
from logs import live, open_log, seal

from telemetry.cid import cid_of, to_binary
from telemetry.paths import trail


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    live(found, 3)
    seal(found)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("path", "crossed"),
    [
        ("", [0]),
        ("records", [0]),
        ("epoch", [0]),
        ("records/0", [0, 1]),
        ("records/2", [0, 3]),
        ("records/2/body/n", [0, 3]),
        ("records/3", None),
        ("records/00", None),
        ("records/-1", None),
        ("records/x", None),
        ("records/" + "9" * 4000, None),
        ("records/0/body/zzz", None),
        ("epoch/0", None),
        ("sig/0", None),
        ("zzz", None),
    ],
)
def test_a_path_crosses_the_blocks_it_needs(log, path, crossed):
    _, blocks = log.epoch_blocks(0)
    found = trail(log.block, blocks[0], tuple(filter(None, path.split("/"))))
    assert found == (crossed and [blocks[place] for place in crossed])


def test_a_link_to_what_is_not_here_leads_nowhere():
    raw = encode_dag_cbor({"a": CID(b"\x01\x55\x12\x20" + bytes(32))})
    gone = encode_dag_cbor({"a": CID(to_binary(cid_of(b"gone")))})
    for root in (raw, gone):
        assert trail(lambda _: None, root, ()) == [root]
        assert trail(lambda _: None, root, ("a",)) is None
