"""A document and its attachments as one body."""

import gzip
import json
from collections.abc import AsyncGenerator
from email.parser import BytesParser
from email.policy import HTTP

import pytest

from docstore.errors import DocstoreError
from docstore.replication.errors import PeerBroken
from docstore.replication.peer import FetchedAttachment, FetchedDoc
from docstore.replication.remote.multipart_document import checked, related_body, without_empty_parts, without_gzip
from tests.replication.places import doc, md5, members


def attachment(
    name: str, data: bytes, *, gzipped: bool = False, pieces: int = 3, **changes: object
) -> FetchedAttachment:
    stored = gzip.compress(data, mtime=0) if gzipped else data

    async def read() -> AsyncGenerator[bytes]:
        size = len(stored) // pieces + 1
        for start in range(0, len(stored), size):
            yield stored[start : start + size]

    length: int | None = len(stored)
    values = {"digest": md5(stored), "length": len(data), "encoded_length": length, **changes}
    encoding = "gzip" if gzipped else None
    return FetchedAttachment(
        name, "text/plain", 1, values["digest"], values["length"], values["encoded_length"], encoding, read
    )


def with_attachments(*attachments: FetchedAttachment) -> FetchedDoc:
    described = {
        one.name: {
            "content_type": one.content_type,
            "digest": one.digest,
            "length": one.length,
            "follows": True,
            **({"encoding": "gzip", "encoded_length": one.encoded_length} if one.encoding else {}),
        }
        for one in attachments
    }
    plain = doc("d", "1-a", _attachments=described)
    return FetchedDoc("d", plain.rev, False, plain.text, attachments=attachments)


async def sent(one: FetchedDoc) -> tuple[str, int | None, bytes]:
    body = related_body(one)
    await body.gather()
    whole = body.for_sending(None, 1.0)
    assert isinstance(whole, bytes)
    return body.content_type, body.length, whole


async def test_it_can_be_read_back() -> None:
    one = with_attachments(
        attachment("a", b"plain"), attachment('b"ü', b"zip " * 99, gzipped=True), attachment("c", b"")
    )
    content_type, length, whole = await sent(one)
    assert length == len(whole)
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + whole)
    document, *parts = message.get_payload()
    assert message.defects == []
    assert document.get_payload(decode=True) == one.text
    assert [part.get_payload(decode=True) for part in parts] == [b"plain", gzip.compress(b"zip " * 99, mtime=0), b""]
    assert [part["Content-Encoding"] for part in parts] == [None, "gzip", None]
    assert [part["Content-Length"] for part in parts] == ["5", str(one.attachments[1].encoded_length), "0"]


async def test_an_unknown_length_makes_the_whole_unknown() -> None:
    _, length, whole = await sent(with_attachments(attachment("a", b"plain", encoded_length=None)))
    assert length is None
    assert b"plain" in whole


class Taken:
    """Counts the bytes that were given before an error."""

    count = 0

    async def take(self, one: FetchedAttachment) -> None:
        async for piece in checked(one):
            self.count += len(piece)


@pytest.mark.parametrize("changes", [{"digest": md5(b"x")}, {"encoded_length": 4}, {"encoded_length": 6}])
async def test_wrong_bytes_are_noticed_before_the_last_of_them(changes) -> None:
    taken = Taken()
    with pytest.raises(PeerBroken, match="not those"):
        await taken.take(attachment("a", b"plain", **changes))
    assert taken.count < len(b"plain")


async def test_a_digest_of_another_kind_is_not_compared() -> None:
    assert b"".join([piece async for piece in checked(attachment("a", b"plain", digest="sha1-x"))]) == b"plain"


async def test_for_a_peer_that_knows_no_gzip() -> None:
    text = b"plain text " * 9_000
    one = with_attachments(attachment("a", text, gzipped=True), attachment("b", b"plain"))
    plain = without_gzip(one)
    described = members(plain)["_attachments"]
    assert described["a"] == {"content_type": "text/plain", "length": len(text), "follows": True}
    assert described["b"] == json.loads(one.text)["_attachments"]["b"]
    _, length, whole = await sent(plain)
    assert length == len(whole)
    assert text in whole
    assert without_gzip(with_attachments(attachment("b", b"plain"))).attachments[0].encoding is None


async def test_what_is_not_gzip_though_it_is_said_to_be() -> None:
    liar = attachment("a", b"plain", encoded_length=5)
    liar = FetchedAttachment(*[getattr(liar, name) for name in liar.__slots__[:6]], "gzip", liar.open)
    with pytest.raises(DocstoreError):
        await sent(without_gzip(with_attachments(liar)))


async def test_parts_without_bytes_stand_in_the_text() -> None:
    """CouchDB answers to a document whose parts are all empty after five minutes."""
    one = without_empty_parts(with_attachments(attachment("a", b""), attachment("b", b"x"), attachment("c", b"")))
    assert [each.name for each in one.attachments] == ["b"]
    assert [each.get("data", each.get("follows")) for each in members(one)["_attachments"].values()] == ["", True, ""]
    assert without_empty_parts(with_attachments(attachment("a", b""))).attachments == ()
    zipped = with_attachments(attachment("a", b"", gzipped=True))
    assert without_empty_parts(zipped) is zipped
