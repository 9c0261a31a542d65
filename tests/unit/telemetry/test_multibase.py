"""One CID in the spellings that others use."""

from __future__ import annotations

import pytest

from telemetry.cid import cid_of, to_binary
from telemetry.errors import BadCid
from telemetry.multibase import in_base32, looks_like_a_cid

CID = cid_of(b"a block")
# The same name as multiformats 13.4.2 for JavaScript spells it.
SPELT = [
    "k2jvsl91rkme1xpci50r7o2mjq6k15m57xazpjro49oew4y1njdfcgy0",
    "zdpuAvJRRz3jAir2Fm7NaprYmHjWMakPS7bWjLGCTgbrmigVm",
    "f" + to_binary(CID).hex(),
]


@pytest.mark.parametrize("text", [CID, *SPELT])
def test_every_spelling_names_the_same_block(text):
    assert in_base32(text) == CID
    assert looks_like_a_cid(text)


@pytest.mark.parametrize(
    "text",
    [
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
        "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4",
        "f01551220" + "00" * 32,
        "z" + "z" * 199,
        "k" + "0" * 50,
    ],
)
def test_other_cids_are_cids_and_none_of_ours(text):
    assert looks_like_a_cid(text)
    with pytest.raises(BadCid):
        in_base32(text)


@pytest.mark.parametrize("text", ["", "z", "nonsense", "z0OIl0OIl0OIl", "f" * 9000, "../etc"])
def test_what_is_no_cid_is_refused(text):
    assert not looks_like_a_cid(text)
    with pytest.raises(BadCid):
        in_base32(text)
