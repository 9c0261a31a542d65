"""Ranges of a block, as RFC 9110 reads them."""

from __future__ import annotations

import pytest

from telemetry.ranges import OutOfReach, Span, span

ETAG = '"cid.raw"'


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=3-5", 3, 5),
        ("bytes=3-", 3, 9),
        ("bytes=3-999999", 3, 9),
        ("bytes=9-9", 9, 9),
        ("bytes=-1", 9, 9),
        ("bytes=-10", 0, 9),
        ("bytes=-999", 0, 9),
        ("bytes= 3-5 ", 3, 5),
    ],
)
def test_one_range_is_served(header, first, last):
    assert span(header, "", ETAG, 10) == Span(first, last, 10)
    assert str(span(header, ETAG, ETAG, 10)) == f"bytes {first}-{last}/10"


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=999-"])
def test_a_range_beyond_the_end_is_out_of_reach(header):
    assert span(header, "", ETAG, 10) == OutOfReach(10)
    assert str(span(header, "", ETAG, 10)) == "bytes */10"
    assert span("bytes=0-", "", ETAG, 0) == OutOfReach(0)


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=1--2", "bytes=+1-2"),
        *("lines=1-2", "bytes=0-1,3-4", "bytes=0-1-2", "bytes=" + "9" * 5000 + "-"),
    ],
)
def test_what_is_no_single_range_is_passed_over(header):
    assert span(header, "", ETAG, 10) is None


def test_a_range_of_something_else_is_passed_over():
    assert span("bytes=3-5", '"other"', ETAG, 10) is None
    assert span("bytes=3-5", f"W/{ETAG}", ETAG, 10) is None
