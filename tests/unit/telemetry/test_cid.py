"""Names are what everyone else makes of the same bytes."""

from __future__ import annotations

from base64 import b32encode

from hypothesis import given
from hypothesis import strategies as st

from telemetry.cid import PREFIX, digest_of, from_digest


@given(st.binary(min_size=32, max_size=32))
def test_a_name_is_the_standards_base32(digest):
    said = "b" + b32encode(PREFIX + digest).decode().lower().rstrip("=")
    assert from_digest(digest) == said
    assert digest_of(said) == digest
