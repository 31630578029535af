"""Multipart bodies, read back by the standard library's own reader."""

from email.parser import BytesParser
from email.policy import HTTP

from docstore.core.multipart import MultipartWriter, attachment_headers, header_text


def read(content_type, body):
    return BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)


def test_parts_are_read_back():
    writer = MultipartWriter("mixed", "outer")
    body = writer.part("application/json") + b'{"a":1}'
    body += writer.part('application/json; error="true"', [("X-Doc-Id", "a")]) + b'{"missing":"1-a"}'
    body += writer.end()
    message = read(writer.content_type, body)
    first, second = message.get_payload()
    assert message.defects == []
    assert first.get_content_type() == "application/json"
    assert first.get_payload(decode=True) == b'{"a":1}'
    assert second["X-Doc-Id"] == "a"
    assert second["Content-Type"].params == {"error": "true"}
    assert second.get_payload(decode=True) == b'{"missing":"1-a"}'


def test_a_part_can_be_multipart_itself():
    outer, inner = MultipartWriter("mixed", "outer"), MultipartWriter("related", "inner")
    body = outer.part(inner.content_type)
    body += inner.part("application/json") + b"{}" + inner.part("text/plain") + b"--data--" + inner.end()
    body += outer.part("application/json") + b"[]" + outer.end()
    nested, last = read(outer.content_type, body).get_payload()
    assert [part.get_payload(decode=True) for part in nested.get_payload()] == [b"{}", b"--data--"]
    assert last.get_payload(decode=True) == b"[]"


def test_no_parts_no_body():
    assert MultipartWriter("mixed", "outer").end() == b""


def test_the_bytes_are_those_of_couchdb():
    writer = MultipartWriter("mixed", "b")
    body = writer.part("application/json") + b"{}" + writer.part("application/json") + b"[]" + writer.end()
    assert writer.content_type == 'multipart/mixed; boundary="b"'
    head = b"--b\r\nContent-Type: application/json\r\n\r\n"
    assert body == head + b"{}\r\n" + head + b"[]\r\n--b--"


def test_a_boundary_without_quotes():
    assert MultipartWriter("mixed", "b", quoted=False).content_type == "multipart/mixed; boundary=b"


def test_headers_of_attachments():
    assert attachment_headers('a"b\r\n', 3, None) == [
        ("Content-Disposition", 'attachment; filename="a%22b%0D%0A"'),
        ("Content-Length", "3"),
    ]
    assert attachment_headers("a", None, "gzip")[1:] == [("Content-Encoding", "gzip")]


def test_types_cannot_end_a_header():
    assert header_text("text/plain; x=ü") == "text/plain; x=ü"
    assert header_text("a\r\nX: y") == "a%0D%0AX: y"
