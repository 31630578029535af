"""The Range header, as CouchDB reads it."""

import pytest

from docstore.errors import RangeNotSatisfiable
from docstore.httpd.wire.ranges import ByteRange, requested_ranges

SIZE = 30


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-4", [(0, 4)]),
        ("bytes=5-", [(5, 29)]),
        ("bytes=5", [(5, 29)]),
        ("bytes=-3", [(27, 29)]),
        ("bytes=0-0", [(0, 0)]),
        ("bytes=0-999", [(0, 29)]),
        ("bytes=29-29", [(29, 29)]),
        ("bytes=+1-+2", [(1, 2)]),
        ("bytes=-29", [(1, 29)]),
        ("bytes=-30", [(0, 29)]),
        ("bytes=-100", [(0, 29)]),
        ("bytes=0-1,4-5", [(0, 1), (4, 5)]),
        ("bytes= 4-5 ,, 0-1", [(4, 5), (0, 1)]),
        ("bytes=0-9,5-14", [(0, 9), (5, 14)]),
        ("bytes=" + ",".join(["0-0"] * 9), [(0, 0)] * 9),
    ],
)
def test_ranges(header, ranges):
    assert requested_ranges(header, SIZE) == ranges


@pytest.mark.parametrize(
    "header",
    [
        None,
        "bytes=abc",
        "items=0-1",
        "Bytes=0-1",
        "bytes=0-",
        "bytes=1-2,0-",
        "bytes=1-2-3",
        "bytes=1 - 2",
        "bytes=",
        "bytes=0x1-2",
        "bytes=--",
        "bytes=" + "9" * 5000,
        "bytes=" + ",".join(["0-0"] * 10),
    ],
)
def test_the_whole(header):
    assert requested_ranges(header, SIZE) == []


@pytest.mark.parametrize(
    "header", ["bytes=30-", "bytes=10-5", "bytes=-0", "bytes=--5", "bytes=0-1,40-50", "bytes=30-31"]
)
def test_no_such_bytes(header):
    with pytest.raises(RangeNotSatisfiable):
        requested_ranges(header, SIZE)


@pytest.mark.parametrize("header", ["bytes=0-0", "bytes=-1", "bytes=1-"])
def test_nothing_has_no_bytes(header):
    with pytest.raises(RangeNotSatisfiable):
        requested_ranges(header, 0)


def test_content_range():
    assert ByteRange(4, 5).content_range(SIZE) == "bytes 4-5/30"
    assert ByteRange(4, 5).length == 2
