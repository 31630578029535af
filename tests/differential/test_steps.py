"""Steps as bytes."""

import gzip

from tests.differential.knowledge import THEIRS, Knowledge
from tests.differential.steps import Json, Related, Step, Text, render


def wire_of(step):
    return render(step, Knowledge("db").symbols(THEIRS)).wire("host:1", "Basic x")


def test_a_request_as_it_is_sent():
    step = Step(
        "x", "PUT", "/${db}/k%20a", (("rev", "1-ü"), ("flag", None)), (("If-Match", '"x"'),), Json({"a": "${db}"})
    )
    assert wire_of(step) == (
        b"PUT /db/k%20a?rev=1-%C3%BC&flag HTTP/1.1\r\nHost: host:1\r\nAuthorization: Basic x\r\nContent-Length: 10\r\n"
        b'If-Match: "x"\r\nContent-Type: application/json\r\n\r\n{"a":"db"}'
    )


def test_an_empty_header_takes_away_what_would_be_added():
    step = Step("x", "POST", "/", (), (("Authorization", ""), ("Content-Type", "")), Json({}))
    assert wire_of(step) == b"POST / HTTP/1.1\r\nHost: host:1\r\nContent-Length: 2\r\n\r\n{}"


def test_codings():
    chunked = wire_of(Step("x", "PUT", "/", (), (), Text("hello", binary=True), "chunked"))
    assert chunked.endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
    zipped = wire_of(Step("x", "PUT", "/", (), (), Text("hello", binary=True), "gzip"))
    assert b"Content-Encoding: gzip\r\n" in zipped
    assert gzip.decompress(zipped.partition(b"\r\n\r\n")[2]) == b"hello"


def test_a_multipart_body():
    body = render(Step("x", "PUT", "/", (), (), Related({"v": 1}, ("\xff",))), Knowledge("db").symbols(THEIRS)).body
    assert body is not None
    assert body.split(b"--differ-boundary") == [
        b"", b'\r\nContent-Type: application/json\r\n\r\n{"v":1}\r\n', b"\r\n\r\n\xff\r\n", b"--",
    ]  # fmt: skip
