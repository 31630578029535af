"""Bodies of ``_bulk_docs`` in pieces: all of the body and nothing else, or no pieces at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.attachment import AttachmentSpec, Inline, Stub
from docstore.core.bulk_body import Cut, cut
from docstore.core.document import MADE_AGAIN, parse_document
from docstore.core.document_columns import (
    AT_ONCE,
    MOST,
    MOST_ATTACHED,
    MOST_TOLD,
    columns_of,
    documents_in,
    documents_of,
    name_all,
    read,
)
from docstore.core.document_columns import plain_limits as plain
from docstore.core.json_text import decode
from docstore.core.revision_hash import encode_term, hashed_term, new_revision
from docstore.errors import BadRequest, DocstoreError
from docstore.settings import Limits
from docstore.workers.messages import FrameReader, pack

LIMITS = Limits()
TEXTS = st.text(max_size=6) | st.sampled_from(["},{", '"', "\\", "docs", "]}", '},{"_id":"a"', "\ud83d\ude00"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
HASH = "0123456789abcdef0123456789abcdef"
REVS = st.sampled_from([f"1-{HASH}", "2-x", f"999999999999999999-{HASH}", "0-5", "1", 7, "x-1"])
REVISIONS = st.fixed_dictionaries(
    {"start": st.integers(-1, 4), "ids": st.lists(st.sampled_from([HASH, "x"]), max_size=5)}
)
ATTACHED = st.sampled_from(
    [
        {"data": "eA=="}, {"data": "", "content_type": "text/plain", "revpos": 3}, {"data": "eHk=", "revpos": 1 << 63},
        {"stub": True}, {"stub": True, "revpos": 2}, {"stub": True, "revpos": None}, {"stub": True, "revpos": 2.0},
        {"stub": True, "revpos": 1 << 63}, {"stub": True, "revpos": True}, {"follows": True, "length": 2},
    ]
)  # fmt: skip
SPECIAL = st.fixed_dictionaries(
    {},
    optional={
        "_rev": REVS, "_deleted": st.sampled_from([True, False, 1]), "_revisions": REVISIONS,
        "_attachments": st.dictionaries(st.text("ab", min_size=1, max_size=1), ATTACHED, max_size=2),
        "_conflicts": st.just([]), "_bad": st.just(1),
    },
)  # fmt: skip
USUAL = st.fixed_dictionaries({"_id": st.text("abc_/é", min_size=1, max_size=3)}) | st.just({})
DOCUMENTS = st.builds(lambda name, members, special: {**name, **members, **special}, USUAL,
                      st.dictionaries(TEXTS.filter(lambda name: name[:1] != "_"), VALUES, max_size=3),
                      st.just({}) | SPECIAL)  # fmt: skip
SPELLINGS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n ", ":")])
AROUND = st.sampled_from(
    [("", ""), ("", ',"new_edits":false'), ('"new_edits":true,', ""), ('"x":[1],', ',"y":{"z":[]}')]
)


@st.composite
def bodies(draw: st.DrawFn, documents: st.SearchStrategy[object] = DOCUMENTS) -> bytes:
    spelling = draw(SPELLINGS)
    before, after = draw(AROUND)
    rows = json.dumps(draw(st.lists(documents, max_size=12)), separators=spelling, ensure_ascii=draw(st.booleans()))
    return ("{" + before + f'"docs"{spelling[1]}' + rows + after + "}").encode("utf-8", "replace")


def put_together(raw: bytes, found: Cut) -> object:
    """What the pieces say. Raises BadRequest if one of them is none."""
    rows = []
    for start, end in found.pieces:
        some = decode(b"[%b]" % raw[start:end])
        assert some
        rows += some
    return {**found.members, "docs": rows}


@given(bodies(), st.integers(1, 200))
def test_the_pieces_are_the_whole(raw: bytes, size: int) -> None:
    found = cut(raw, size)
    if found is not None:
        try:
            together = put_together(raw, found)
        except BadRequest:
            return
        assert together == decode(raw)


@given(bodies(), st.data(), st.integers(1, 100))
def test_pieces_that_can_be_read_are_those_of_a_body_that_can(raw: bytes, data: st.DataObject, size: int) -> None:
    """Whatever is changed in a body: no text that is no JSON, or another one, passes in pieces."""
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw = (
            raw[:at]
            + data.draw(st.sampled_from([b"", b",", b"]", b"[", b"}", b"{", b'"', b"\\", b"1", b'"docs":[]']))
            + (raw[at + data.draw(st.integers(0, 2)) :])
        )
    found = cut(raw, size)
    if found is not None:
        try:
            together = put_together(raw, found)
        except BadRequest:
            return
        assert together == decode(raw)


def test_usual_bodies_are_cut() -> None:
    documents = [{"_id": f"doc{number}", "text": "x" * (number % 40)} for number in range(500)]
    for spelling in ((",", ":"), (", ", ": ")):
        raw = json.dumps({"docs": documents, "new_edits": False}, separators=spelling).encode()
        found = cut(raw, 1_000)
        assert found is not None
        assert found.members == {"new_edits": False}
        assert len(found.pieces) > len(raw) // 1_600
        assert all(end - start <= 1_500 for start, end in found.pieces)
        assert put_together(raw, found) == decode(raw)


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b"{}", b'{"docs":[]}', b'{"docs":{}}', b'{"docs":[{}]', b'{"docs":[{}],"docs":[]}',
     b'{"a":[{}]}', b'{"docs":[{}]]}', b'{"docs":[{}]}]', b'{"docs":[{}],"x":"\\u0064"}', b'{"docs":[],"docs":[{}]}'],
)  # fmt: skip
def test_unusual_bodies_are_not_cut_or_not_read(raw: bytes) -> None:
    found = cut(raw, 1)
    if found is not None:
        with pytest.raises(BadRequest):
            put_together(raw, found)


def travels(one: AttachmentSpec) -> bool:
    if isinstance(one, Stub):
        return not one.has_revpos or (type(one.revpos) is int and one.revpos < MOST_TOLD)
    return isinstance(one, Inline)


def unpacked(columns: object) -> list:
    """What arrives of columns."""
    head, *parts = pack(columns)
    reader = FrameReader()
    frame = memoryview(b"".join((head, *parts)))
    while frame:
        count = len(reader.room)
        reader.room[:] = frame[:count]
        frame = frame[count:]
        done, value = reader.filled(count)
    assert done
    return value


@given(st.lists(DOCUMENTS, min_size=1, max_size=8), st.booleans())
def test_documents_that_travelled_are_those_that_were_sent(documents: list[object], hashed: bool) -> None:
    text = json.dumps(documents)[1:-1].encode()

    def named(parsed: list) -> list:
        ids = iter(range(100))
        name_all(parsed, LIMITS, lambda: f"id{next(ids)}")
        return parsed

    try:
        here = named(list(documents_in(text, LIMITS, hashed=hashed)))
    except DocstoreError:
        assert read(text, plain(LIMITS), hashed) is None
        return
    columns = read(text, plain(LIMITS), hashed)
    if any(not travels(one) for document in here for one in document.attachments):
        assert columns is None
        assert columns_of(here) is None
        return
    columns = unpacked(columns)
    there = named([one for some in documents_of(columns) for one in some])
    assert there == here
    whole = [parse_document(one, limits=LIMITS, new_id=lambda: "new") for one in decode(b"[%b]" % text)]
    for one, kept in zip(there, whole, strict=True):
        assert hashed_term(one.term, one.body) == kept.term or not hashed
        foreseen = hashed and (one.rev is None or one.rev.generation < 10**18 - 1)
        assert one.foreseen == ((one.rev, new_revision(one.deleted, one.rev, kept.term)) if foreseen else None)


@pytest.mark.parametrize(
    ("text", "kept"), [("0.5", False), ("-0.0", True), ("0.0", True), ('"%s"' % ("x" * MADE_AGAIN), True)]
)
def test_a_term_is_kept_where_it_cannot_be_made_again_or_not_soon(text: str, kept: bool) -> None:
    [one] = documents_in(b'{"_id":"a","n":[%b]}' % text.encode(), LIMITS, hashed=True)
    term = encode_term({"n": [json.loads(text)]})
    assert one.term == (term if kept else b"")
    assert hashed_term(one.term, one.body) == term


def test_very_many_attachments_do_not_travel() -> None:
    def told(many: int) -> bytes:
        return json.dumps({"_id": "a", "_attachments": {f"a{place}": {"stub": True} for place in range(many)}}).encode()

    assert read(told(MOST_ATTACHED), plain(LIMITS), True) is not None
    assert read(b",".join([told(MOST_ATTACHED // 2)] * 3), plain(LIMITS), True) is None


def test_few_attachments_are_put_together_at_once() -> None:
    text = json.dumps([{"_id": "a", "_attachments": {"a": {"data": ""}, "b": {"stub": True}}}] * 300)[1:-1].encode()
    steps = list(documents_of(read(text, plain(LIMITS), True)))
    assert sum(map(len, steps)) == 300
    assert max(len(step) for step in steps) <= AT_ONCE // 3 + 1


def test_more_than_can_be_taken_over_at_once_do_not_travel() -> None:
    assert read(b",".join([b"{}"] * MOST), plain(LIMITS), True) is not None
    assert read(b",".join([b"{}"] * (MOST + 1)), plain(LIMITS), True) is None
