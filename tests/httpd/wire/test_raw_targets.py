"""Bytes beyond ASCII in request targets: the rewriting alone, and on the wire."""

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.httpd.wire.raw_targets import RawTargets
from tests.httpd.attaching import wire

RAW = "ü".encode()


def escaped(line: bytes) -> bytes:
    return re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % byte[0][0], line)


def in_pieces(data: bytes, cuts: list[int]) -> bytes:
    targets = RawTargets()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return b"".join(targets.encode(data[start:end]) for start, end in pairwise(places))


targets = st.binary(max_size=8).map(lambda text: b"/" + re.sub(rb"[\x00-\x20\x7f]", b"", text))
bodies = st.one_of(st.binary(max_size=30), st.sampled_from([b"GET /\xff HTTP/1.1\r\n\r\n", b"\r\n\r\n\xc3\xbc\r\n"]))
headers = st.lists(
    st.sampled_from([b"Host: \xc3\xbc", b"X-Content-Length: 5", b"Accept: */*", b"Transfer: chunked", b"Content: x"])
)


@st.composite
def requests(draw) -> tuple[bytes, bytes]:
    """A request as it is sent, and as the parser should see it."""
    blank = draw(st.sampled_from([b"", b"\r\n", b"\r\n\r\n"]))
    line = b"%b %b HTTP/1.1\r\n" % (draw(st.sampled_from([b"GET", b"PUT"])), draw(targets))
    lines = draw(headers)
    body = draw(bodies)
    kind = draw(st.sampled_from(["none", "length", "LENGTH", "chunked"]))
    if kind == "none":
        body = b""
    elif kind == "chunked":
        lines.insert(0, b"transfer-encoding: chunked")
        size = draw(st.integers(1, 9))
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        extension = draw(st.sampled_from([b"", b";x=\xff", b' ;y="a"']))
        trailer = draw(st.sampled_from([b"", b"X-T: \xff\r\n", b"A: 1\r\nB: 2\r\n"]))
        framed = b"".join(b"%X%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
        body = framed + b"0\r\n" + trailer + b"\r\n"
    else:
        name = b"Content-Length" if kind == "length" else b"CONTENT-LENGTH"
        lines.append(b"%b:  %d " % (name, len(body)))
    rest = b"".join(header + b"\r\n" for header in lines) + b"\r\n" + body
    return blank + line + rest, blank + escaped(line) + rest


@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 10_000), max_size=6))
def test_only_request_lines_are_changed_however_they_come(many, cuts):
    sent = b"".join(one for one, _ in many)
    assert in_pieces(sent, cuts) == b"".join(seen for _, seen in many)


def as_a_connection(data: bytes, cuts: list[int], whole: set[bytes]) -> bytes:
    """``in_pieces``, with what is ASCII told behind the parser's back, as ``Connection.data_received`` does it."""
    targets = RawTargets()
    seen = b""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        piece = data[start:end]
        if targets.at_start and piece.isascii():
            if piece not in whole:
                targets.follow(piece)
            seen += piece
        else:
            seen += targets.encode(piece)
    return seen


@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 10_000), max_size=4), st.booleans())
def test_what_passes_is_followed(many, cuts, each):
    sent = b"".join(one for one, _ in many)
    if each:  # mostly a piece is a request
        ends = [0]
        for one, _ in many:
            ends.append(ends[-1] + len(one))
        cuts = [*cuts[:1], *ends]
    whole = {one for one, _ in many}
    assert as_a_connection(sent, cuts, whole) == b"".join(seen for _, seen in many)


@given(st.lists(requests(), min_size=1, max_size=4))
def test_heads_and_bodies_that_come_apart(many):
    """As many clients send them."""
    cuts, start = [], 0
    for sent, _ in many:
        blank = len(sent) - len(sent.lstrip(b"\r\n"))
        cuts += [start, start + sent.index(b"\r\n\r\n", blank) + 4]
        start += len(sent)
    sent, seen = (b"".join(side) for side in zip(*many, strict=True))
    assert in_pieces(sent, cuts) == seen
    assert as_a_connection(sent, cuts, {one for one, _ in many}) == seen


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_head_alone_is_read_as_in_pieces(end):
    body = b"GET /\xff HTTP/1.1\r\n\r\n\xff"
    head = b"PUT / HTTP/1.1%bContent-Length: %d\r\n\r\n" % (end, len(body))
    for cuts in ([len(head)], list(range(len(head))), [3, len(head), len(head) + 2]):
        assert in_pieces(head + body + head, cuts) == head + body + head


@given(st.lists(requests(), max_size=2))
def test_byte_by_byte_is_the_same(many):
    sent = b"".join(one for one, _ in many)
    assert in_pieces(sent, list(range(len(sent)))) == b"".join(seen for _, seen in many)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=3))
def test_nothing_is_lost_of_what_is_no_http(data, cuts):
    seen = in_pieces(data, cuts)
    assert re.sub(rb"%([0-9A-F]{2})", lambda code: bytes([int(code[1], 16)]), seen) == re.sub(
        rb"%([0-9A-F]{2})", lambda code: bytes([int(code[1], 16)]), data
    )


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: x",
        b"Content-Length: -1",
        b"Content-Length: 1\r\nContent-Length: 1",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked",
        b"Content-Length: 9999999999999999999999",
        b"Content-Length:",
    ],
)
def test_what_the_parser_refuses_is_not_followed(framing):
    head = b"PUT / HTTP/1.1\r\n" + framing + b"\r\n\r\n"
    rest = b"\xff GET /\xff HTTP/1.1\r\n\r\n"
    assert RawTargets().encode(head + rest) == head + rest


def test_what_is_kept_of_a_head_is_bounded():
    targets = RawTargets()
    targets.encode(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(200):
        targets.encode(b"x" * 65_536)
    assert len(targets._kept) < 70_000


async def test_ids_and_keys_as_they_are_typed(server, db):
    put = b"PUT /db/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}" % RAW
    get = b'GET /db/_all_docs?startkey="%b" HTTP/1.1\r\nHost: localhost\r\n\r\n' % RAW
    async with wire(server) as raw:
        assert json.loads((await raw.ask(put)).body)["id"] == "ü"
        assert [row["id"] for row in json.loads((await raw.ask(get)).body)["rows"]] == ["ü"]
        raw.writer.write(get + put + get)
        assert [(await raw.answer()).status for _ in range(3)] == [200, 409, 200]
    async with wire(server) as raw:
        for byte in get:
            raw.writer.write(bytes([byte]))
            await raw.writer.drain()
        assert (await raw.answer()).status == 200
    assert (await db.get("%C3%BC")).status == 200


async def test_bytes_that_are_no_text(server, db):
    async with wire(server) as raw:
        answer = await raw.ask(b"GET /db/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert json.loads(answer.body)["error"] == "illegal_docid"
        answer = await raw.ask(b'GET /db/_all_docs?startkey="\xff" HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert answer.status == 400


async def test_a_body_is_not_changed(server, db):
    body = b"GET /\xff HTTP/1.1\r\n\r\n\x80" * 1000
    async with wire(server) as raw:
        answer = await raw.get("/db/doc/att", method="PUT", body=body)
        assert answer.status == 201
        assert (await raw.get("/db/doc/att")).body == body
