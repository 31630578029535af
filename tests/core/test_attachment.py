"""Attachments: what a document says of them, what a revision gets, and how they are shown."""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from docstore.core.attachment import (
    Attachment,
    Follows,
    Inline,
    Linked,
    Shown,
    Stub,
    attachments_member,
    is_compressible,
    pack_attachments,
    parse_attachments,
    resolve,
    term_of,
    unpack_attachments,
)
from docstore.core.document import parse_document, splice
from docstore.core.edit import Edit, settle_attachments
from docstore.core.json_text import decode
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import NIL
from docstore.errors import AttachmentTooLarge, BadRequest, MissingStub
from docstore.settings import Limits
from tests.core.trees import Record

LIMITS = Limits()
OCTETS = "application/octet-stream"
VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "conformance/data/rev_vectors_open.jsonl").read_text("utf-8").splitlines()
]
WITH_ATTACHMENTS = [vector for vector in VECTORS if vector["attachments"]]
HELLO = Attachment("a.txt", "text/plain", b"m" * 16, 5, 25, "gzip", 1, 7)
PIXELS = Attachment("b.png", "image/png", b"n" * 16, 3, 3, None, 2, 8)


def parse(members: dict[str, Any]) -> tuple[Any, ...]:
    return parse_attachments(members, LIMITS)


def refused(member: dict[str, Any], name: str = "a") -> str:
    with pytest.raises(BadRequest) as caught:
        parse({name: member})
    return caught.value.reason


# --- what a document says


@pytest.mark.parametrize("members", [{}, {"a": 5, "b": None, "c": [], "d": "x", "e": True}])
def test_what_is_no_object_is_passed_over(members: dict[str, Any]):
    assert parse(members) == ()


def test_the_order_is_that_of_the_document():
    assert [spec.name for spec in parse({"z": {"data": ""}, "a": 5, "b": {"stub": True}, "a2": {"follows": True}})] == [
        "z",
        "b",
        "a2",
    ]


@pytest.mark.parametrize(
    ("member", "spec"),
    [
        ({"data": ""}, Inline("a", OCTETS, b"")),
        ({"data": "aGVsbG8=", "content_type": "text/plain"}, Inline("a", "text/plain", b"hello")),
        ({"data": " aGVs\r\nbG8=\t"}, Inline("a", OCTETS, b"hello")),
        ({"data": "aGVsbG8=", "revpos": 3, "digest": "md5-wrong", "length": 9}, Inline("a", OCTETS, b"hello", 3)),
        ({"data": "aGVsbG8=", "stub": 1, "follows": "yes"}, Inline("a", OCTETS, b"hello")),
        ({"stub": True}, Stub("a")),
        ({"stub": True, "data": "%%%", "follows": True}, Stub("a")),
        ({"stub": True, "revpos": 2, "digest": "md5-AAAA", "length": 1}, Stub("a", 2, has_revpos=True)),
        ({"stub": True, "revpos": None}, Stub("a", None, has_revpos=True)),
        ({"follows": True}, Follows("a", OCTETS)),
        (
            {
                "follows": True,
                "content_type": "text/plain",
                "length": 21,
                "revpos": 2,
                "digest": "md5-XUFAKrxLKna5cZ2REBfFkg==",
            },
            Follows("a", "text/plain", 21, None, None, base64.b64decode("XUFAKrxLKna5cZ2REBfFkg=="), 2),
        ),
        (
            {"follows": True, "length": 21, "encoding": "gzip", "encoded_length": 39, "digest": "sha1-x"},
            Follows("a", OCTETS, 21, 39, "gzip"),
        ),
        ({"follows": True, "length": 21, "encoding": "gzip"}, Follows("a", OCTETS, 21, 21, "gzip")),
        ({"follows": True, "length": 2, "encoding": "identity", "encoded_length": 9}, Follows("a", OCTETS, 2)),
    ],
)
def test_the_shapes(member: dict[str, Any], spec: Inline | Stub | Follows):
    assert parse({"a": member}) == (spec,)


@pytest.mark.parametrize(
    "data", ["%%%", 5, None, "aGVsbG8", "aGVsbG8==", "=", "a", ["aGk="], {}, "\u00e9", "aGk=aGk=", "notBase64Encoded="]
)
def test_data_that_are_not_base64(data: Any):
    assert refused({"data": data}) == "Invalid attachment data for a"


def test_no_data_at_all():
    assert refused({}) == "Invalid attachment data for a"
    assert refused({"stub": False}) == "Invalid attachment data for a"


@pytest.mark.parametrize(
    ("member", "what"),
    [
        ({"data": "", "content_type": 5}, "content type"),
        ({"data": "", "content_type": None}, "content type"),
        ({"follows": True, "length": 1.0}, "length"),
        ({"follows": True, "length": True}, "length"),
        ({"follows": True, "encoding": "gzip", "encoded_length": []}, "encoded_length"),
        ({"follows": True, "encoding": "deflate"}, "encoding"),
        ({"follows": True, "encoding": None}, "encoding"),
        ({"follows": True, "digest": "md5-%"}, "digest"),
    ],
)
def test_members_that_cannot_be(member: dict[str, Any], what: str):
    assert refused(member) == f"Invalid attachment {what} for a"


@pytest.mark.parametrize("revpos", [None, "1", -1, 1.5, True, 1 << 63, [1]])
def test_a_generation_that_cannot_be_is_passed_over(revpos: Any):
    told = {"data": "aGVsbG8=", "revpos": revpos}
    assert parse_attachments({"a": told}, Limits()) == (Inline("a", OCTETS, b"hello", 0),)


def test_names():
    assert refused({"data": ""}, "_a") == "Attachment name '_a' starts with prohibited character '_'"
    assert refused({"stub": True}, "_") == "Attachment name '_' starts with prohibited character '_'"
    assert refused({"data": "%"}, "_a") == "Invalid attachment data for _a"
    assert [spec.name for spec in parse({"": {"data": ""}, "a/b_c": {"data": ""}})] == ["", "a/b_c"]


def test_the_bytes_to_come():
    assert Follows("a", "t", 21).expected_length == 21
    assert Follows("a", "t", 21, 39, "gzip").expected_length == 39
    assert Follows("a", "t").expected_length is None


@pytest.mark.parametrize(
    "member",
    [{"data": "aGVsbG8="}, {"follows": True, "length": 5}, {"follows": True, "encoding": "gzip", "encoded_length": 5}],
)
def test_the_size_of_an_attachment_is_limited(member: dict[str, Any]):
    assert len(parse_attachments({"a": member}, Limits(max_attachment_size=5))) == 1
    with pytest.raises(AttachmentTooLarge) as caught:
        parse_attachments({"a": member}, Limits(max_attachment_size=4))
    assert (caught.value.error, caught.value.reason) == ("attachment_too_large", "a")


@pytest.mark.parametrize(
    ("content_type", "yes"),
    [
        ("text/plain", True),
        ("text/html; charset=utf-8", True),
        ("TEXT/css", True),
        ("  application/json ; x=y ", True),
        ("application/json", True),
        ("application/javascript", True),
        ("application/xml", True),
        ("application/jsonp", False),
        ("application/json+x", False),
        ("application/octet-stream", False),
        ("application/x-\u00fc", False),
        ("image/svg+xml", False),
        ("x/text/plain", False),
        ("", False),
    ],
)
def test_which_types_are_compressed(content_type: str, yes: bool):
    assert is_compressible(content_type) is yes


# --- what a revision gets


def test_a_stub_takes_what_the_parent_has():
    found = resolve("d", [Stub("b.png"), Stub("a.txt", 1, has_revpos=True)], [HELLO, PIXELS], 3)
    assert [one.attachment for one in found] == [PIXELS, HELLO]


@pytest.mark.parametrize("revpos", [1.0, 1])
def test_a_stub_may_tell_the_generation(revpos: float):
    assert resolve("d", [Stub("a.txt", revpos, has_revpos=True)], [HELLO], 3)[0].attachment == HELLO


@pytest.mark.parametrize("stub", [Stub("c"), *(Stub("a.txt", pos, has_revpos=True) for pos in (99, None, "1", True))])
def test_a_stub_that_finds_nothing(stub: Stub):
    with pytest.raises(MissingStub) as caught:
        resolve("doc", [Linked(PIXELS), stub], [HELLO, PIXELS], 3)
    assert caught.value.reason == f"Invalid attachment stub in doc for {stub.name}"


def test_what_is_fresh_gets_the_generation_and_what_is_copied_keeps_its_own():
    fresh, copied = resolve("d", [Linked(HELLO, fresh=True, staging=4), Linked(PIXELS)], [], 9)
    assert (fresh.attachment.revpos, fresh.staging) == (9, 4)
    assert copied == Linked(PIXELS)


def test_metadata_come_back():
    assert unpack_attachments(pack_attachments([HELLO, PIXELS])) == (HELLO, PIXELS)
    assert pack_attachments([]) == b""
    assert unpack_attachments(b"") == ()


def test_the_term_of_nothing():
    assert term_of([]) == NIL


# --- as shown


def shown(*forms: Shown, encoding_info: bool = False) -> list[str]:
    return [piece.decode() for piece in attachments_member([HELLO, PIXELS], forms, encoding_info=encoding_info)]


def test_stubs():
    assert b"".join(attachments_member([HELLO, PIXELS])).decode() == (
        '"_attachments":{'
        '"a.txt":{"content_type":"text/plain","revpos":1,"digest":"md5-bW1tbW1tbW1tbW1tbW1tbQ==","length":5,"stub":true},'
        '"b.png":{"content_type":"image/png","revpos":2,"digest":"md5-bm5ubm5ubm5ubm5ubm5ubg==","length":3,"stub":true}}'
    )


def test_encoding_info_stands_where_there_is_an_encoding():
    [text] = shown(Shown.FOLLOWS, Shown.STUB, encoding_info=True)
    members = json.loads(f"{{{text}}}")["_attachments"]
    assert list(members["a.txt"]) == [
        "content_type",
        "revpos",
        "digest",
        "length",
        "follows",
        "encoding",
        "encoded_length",
    ]
    assert members["a.txt"]["encoded_length"] == 25
    assert list(members["b.png"]) == ["content_type", "revpos", "digest", "length", "stub"]


def test_the_text_is_cut_where_data_belong():
    pieces = shown(Shown.DATA, Shown.DATA, encoding_info=True)
    assert len(pieces) == 3
    members = json.loads("{" + "AAAA".join(pieces) + "}")["_attachments"]
    assert members["a.txt"]["data"] == members["b.png"]["data"] == "AAAA"
    assert list(members["a.txt"]) == ["content_type", "revpos", "digest", "data", "encoding", "encoded_length"]
    assert "length" not in members["b.png"]


def test_names_are_quoted():
    [text] = attachments_member([HELLO._replace(name='"\n', content_type='x"')])
    assert json.loads(b"{" + text + b"}")["_attachments"]['"\n']["content_type"] == 'x"'


def test_the_digest_as_text():
    assert HELLO.digest == "md5-bW1tbW1tbW1tbW1tbW1tbQ=="


# --- what is recorded


def stored(spec: Inline, blob: int) -> Attachment:
    """What storing the bytes would make of them."""
    data, encoding = spec.data, None
    if is_compressible(spec.content_type):
        compressor = zlib.compressobj(8, zlib.DEFLATED, 31, 8, 0)
        data, encoding = compressor.compress(data) + compressor.flush(), "gzip"
    md5 = hashlib.md5(data, usedforsecurity=False).digest()
    return Attachment(spec.name, spec.content_type, md5, len(spec.data), len(data), encoding, 0, blob)


def text_of(vector: dict[str, Any]) -> str:
    """The PUT that made a recorded revision."""
    members: dict[str, Any] = {}
    for one in vector["attachments"]:
        members[one["name"]] = {"stub": True}
        if "data" in one:
            members[one["name"]] = {"data": one["data"], "content_type": one["content_type"]}
    raw = vector["raw"].rstrip().removesuffix("}").rstrip()
    return f'{raw}{"" if raw.endswith("{") else ","}"_attachments":{json.dumps(members)}}}'


def test_every_recorded_revision_with_attachments():
    """From the text of a PUT, through the edit rule, to the revision and to the text of a GET."""
    assert len(WITH_ATTACHMENTS) == 72
    ids = {vector["id"] for vector in WITH_ATTACHMENTS}
    histories: dict[str, tuple[Record, dict[Rev, tuple[Attachment, ...]]]] = {}
    for number, vector in enumerate(vector for vector in VECTORS if vector["id"] in ids):
        record, known = histories.setdefault(vector["id"], (Record(), {}))
        document = parse_document(decode(text_of(vector).encode()), doc_id=vector["id"], limits=LIMITS)
        attachments = [
            Linked(stored(spec, number), fresh=True) if isinstance(spec, Inline) else spec
            for spec in document.attachments
        ]
        parent = parse_rev(vector["parents"][0]) if vector["parents"] else None
        edit = Edit(
            document.id, parent, vector["deleted"], document.body, document.term, attachments=tuple(attachments)
        )
        settled = settle_attachments(record.head, record.load, edit, known.__getitem__)
        assert isinstance(settled, Edit)
        rev = record.apply(settled)
        assert isinstance(rev, Rev)
        assert str(rev) == vector["rev"], vector["id"]
        known[rev] = tuple(one.attachment for one in settled.attachments if isinstance(one, Linked))
        if vector["attachments"]:
            compare_text(vector, rev, document.body, known[rev])


def compare_text(vector: dict[str, Any], rev: Rev, body: bytes, attachments: tuple[Attachment, ...]):
    extra = attachments_member(attachments, encoding_info=True)
    text = json.loads(splice(vector["id"], rev, vector["deleted"], body, extra))
    assert list(text["_attachments"]) == vector["get_atts_order"]
    for one in vector["attachments"]:
        recorded = {member: value for member, value in one.items() if member not in ("name", "data")}
        assert text["_attachments"][one["name"]] == recorded | {"stub": True}
