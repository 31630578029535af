"""Multipart bodies as they arrive, cut at any place."""

import itertools

import pytest

from docstore.errors import BadRequest
from docstore.httpd.wire.multipart_reader import FEED_BYTES, MAX_PREAMBLE, MultipartReader

TYPE = 'multipart/related; boundary="abc123"'
JSON_PART = b"--abc123\r\nContent-Type: application/json\r\n\r\n{}"
TRICKY = b"\r\n--abc\r\n--abc12\r\n--\r\n\r--abc123"
BODY = JSON_PART + b'\r\n--abc123\r\nContent-Disposition: attachment; filename="b"\r\nX:\xc3\xa9\r\n\r\n' + TRICKY
BODY += b"\r\n--abc123\r\n\r\n\r\n--abc123--"
PARTS = [
    ({"content-type": "application/json"}, b"{}"),
    ({"content-disposition": 'attachment; filename="b"', "x": "é"}, TRICKY),
    ({}, b""),
]


class Pieces:
    """A body in pieces of ``size`` bytes; ``given`` counts the bytes that were taken."""

    def __init__(self, body, size):
        self.given = 0
        self._pieces = (body[start : start + size] for start in range(0, len(body), size))

    def __aiter__(self):
        return self

    async def __anext__(self):
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        self.given += len(piece)
        return piece


async def read(body, size=10**6, content_type=TYPE):
    reader = MultipartReader(content_type, Pieces(body, size))
    parts = []
    while (headers := await reader.next_part()) is not None:
        parts.append((headers, b"".join([data async for data in reader.data()])))
    return parts


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64, 10**6])
async def test_parts(size):
    assert await read(BODY, size) == PARTS


@pytest.mark.parametrize("preamble", [b"\r\n", b"This is multipart.\r\n", b"--abc12\r\n", b"x--abc123\r\n"])
@pytest.mark.parametrize("size", [1, 3, 10**6])
async def test_preamble_and_epilogue(preamble, size):
    pieces = Pieces(preamble + BODY + b"\r\nThe end.", size)
    reader = MultipartReader(TYPE, pieces)
    parts = 0
    while await reader.next_part() is not None:
        parts += 1
    assert parts == len(PARTS)
    assert pieces.given == len(preamble + BODY + b"\r\nThe end.")
    assert await reader.next_part() is None


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related;boundary=abc123",
        "multipart/related; type=x; BOUNDARY=abc123",
        'multipart/mixed;boundary="abc123"',
    ],
)
async def test_spellings_of_the_boundary(content_type):
    assert await read(BODY, content_type=content_type) == PARTS


async def test_spaces_behind_a_delimiter():
    assert await read(b"--abc123\r\n\r\na\r\n--abc123 \t\r\n\r\nb\r\n--abc123--") == [({}, b"a"), ({}, b"b")]


async def test_no_parts():
    assert await read(b"--abc123--") == []


async def test_a_part_that_is_not_read_is_passed_over():
    reader = MultipartReader(TYPE, Pieces(BODY, 4))
    first = await reader.next_part()
    second = await reader.next_part()
    begun = await anext(reader.data())
    third = await reader.next_part()
    assert [first, second, third] == [headers for headers, _ in PARTS]
    assert TRICKY.startswith(begun)
    assert await reader.next_part() is None


async def test_no_more_is_read_than_is_asked_for():
    pieces = Pieces(JSON_PART + b"\r\n--abc123\r\n\r\n" + b"x" * 10_000 + b"\r\n--abc123--", 100)
    reader = MultipartReader(TYPE, pieces)
    await reader.next_part()
    assert [data async for data in reader.data()] == [b"{}"]
    assert pieces.given == 100


async def test_pieces_larger_than_what_is_parsed_at_once():
    large = bytes(range(256)) * (FEED_BYTES // 64)
    body = JSON_PART + b"\r\n--abc123\r\n\r\n" + large + b"\r\n--abc123--"
    assert await read(body) == [PARTS[0], ({}, large)]


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"--abc123", b"--abc123\r\n", JSON_PART, JSON_PART + b"\r\n--abc123", JSON_PART + b"\r\n--abc123-"],
)
async def test_a_body_that_ends_early(body):
    for size in (1, 10**6):
        with pytest.raises(BadRequest, match="expected more data"):
            await read(body, size)


@pytest.mark.parametrize(
    "body",
    [
        b"--abc123\r\nno colon\r\n\r\nx\r\n--abc123--",
        b"--abc123\r\nna me: x\r\n\r\nx\r\n--abc123--",
        b"--abc123x\r\n\r\nx\r\n--abc123--",
        b"--abc123\r\nName: x\rY\r\n\r\nx\r\n--abc123--",
        b"--abc123\r\nName: " + b"x" * 10_000 + b"\r\n\r\nx\r\n--abc123--",
        b"--abc123\r\n" + b"Name: x\r\n" * 100 + b"\r\nx\r\n--abc123--",
        b"x" * (MAX_PREAMBLE + 1),
    ],
)
async def test_malformed(body):
    for size in (3, 10**6):
        with pytest.raises(BadRequest, match="malformed"):
            await read(body, size)


@pytest.mark.parametrize(
    "content_type", ["multipart/related", "multipart/related;boundary=", "", "multipart/related;x"]
)
async def test_no_boundary(content_type):
    with pytest.raises(BadRequest, match="boundary"):
        await read(BODY, content_type=content_type)


async def test_a_boundary_that_is_too_long():
    with pytest.raises(BadRequest, match="malformed"):
        await read(BODY, content_type=f"multipart/related;boundary={'x' * 1000}")


async def test_more_parts_than_are_expected_are_refused_before_they_are_read():
    endless = itertools.chain([JSON_PART], itertools.repeat(b"\r\n--abc123\r\n\r\nx"))

    async def pieces():
        for piece in endless:
            yield piece

    reader = MultipartReader(TYPE, pieces())
    await reader.next_part()
    reader.expect_parts(3)
    await reader.next_part()
    await reader.next_part()
    with pytest.raises(BadRequest, match="more than the 3 parts"):
        await reader.next_part()


async def test_parts_that_came_before_they_were_counted():
    reader = MultipartReader(TYPE, Pieces(BODY, 10**6))
    await reader.next_part()
    with pytest.raises(BadRequest, match="more than the 2 parts"):
        reader.expect_parts(2)
