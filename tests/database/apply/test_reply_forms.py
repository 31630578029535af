"""Replies as they are rendered from the results of commands."""

import pytest

from docstore.core.rev import Rev, parse_rev
from docstore.database.apply.reply_forms import BulkForm, ConstantForm, PurgedForm, WrittenForm, bulk_answers
from docstore.errors import Conflict, DatabaseNotFound, DocstoreError, NotFound
from docstore.storage.remembered_rows import StoredReply

REV = parse_rev("2-" + "a" * 32)
WRITTEN = b'{"ok":true,"id":"d","rev":"2-%b"}' % (b"a" * 32)
LOCATION = (("Location", "http://h/db/d"),)


def test_a_written_document() -> None:
    reply = WrittenForm("d", 201, LOCATION, etag=True).render([[REV]])
    assert reply == StoredReply(201, WRITTEN + b"\n", LOCATION, str(REV))


def test_an_edit_without_etag_or_location() -> None:
    assert WrittenForm("d", 200).render([[REV]]) == StoredReply(200, WRITTEN + b"\n")


def test_an_etag_of_its_own() -> None:
    assert WrittenForm("_local/d", 201, etag="tag").render([1]).etag == "tag"


def test_an_odd_revision_does_not_become_an_etag() -> None:
    reply = WrittenForm("d", 201, etag=True).render([[Rev(1, 'é"'.encode())]])
    assert reply.body == '{"ok":true,"id":"d","rev":"1-é\\""}\n'.encode()
    assert reply.etag is not None
    assert reply.etag.isalnum()


@pytest.mark.parametrize(("result", "rev"), [(3, "0-3"), (True, "0-0"), (False, "0-0")])
def test_a_local_document(result: object, rev: str) -> None:
    assert WrittenForm("d", 201).render([result]).body == b'{"ok":true,"id":"d","rev":"%b"}\n' % rev.encode()


@pytest.mark.parametrize(
    ("form", "result", "error"),
    [
        (WrittenForm("d", 201), [Conflict()], Conflict),
        (WrittenForm("d", 201), DatabaseNotFound(), DatabaseNotFound),
        (WrittenForm("d", 200, must_exist=True), False, NotFound),
        (BulkForm(("a",)), DatabaseNotFound(), DatabaseNotFound),
        (PurgedForm(("a",), 9), DatabaseNotFound(), DatabaseNotFound),
        (ConstantForm(StoredReply(200, b"")), Conflict(), Conflict),
    ],
)
def test_what_failed_is_no_reply(form: WrittenForm, result: object, error: type[DocstoreError]) -> None:
    with pytest.raises(error):
        form.render([result])


@pytest.mark.parametrize("form", [WrittenForm("d", 201), BulkForm(("a",)), PurgedForm(("a",), 9)])
def test_what_is_no_result_is_a_defect(form: WrittenForm) -> None:
    with pytest.raises(TypeError, match="str is no result"):
        form.render(["?"])


def test_rows_of_a_bulk() -> None:
    form = BulkForm(("d", "_local/a", "e", "_local/b", "_local/c"))
    refusal = DocstoreError("Invalid rev format", error="error")
    reply = form.render([[REV, Conflict()], 2, refusal, True])
    assert reply.status == 201
    assert reply.body == (
        b"[" + WRITTEN + b',{"ok":true,"id":"_local/a","rev":"0-2"}'
        b',{"id":"e","error":"conflict","reason":"Document update conflict."}'
        b',{"id":"_local/b","error":"error","reason":"Invalid rev format"}'
        b',{"ok":true,"id":"_local/c","rev":"0-0"}]\n'
    )


def test_only_the_refused_rows_of_a_bulk_made_elsewhere() -> None:
    form = BulkForm(("d", "e"), only_failed=True)
    assert form.render([[REV, REV]]).body == b"[]\n"
    assert b'"id":"e"' in form.render([[REV, Conflict()]]).body
    assert b'"id":"d"' not in form.render([[REV, Conflict()]]).body


def test_a_bulk_of_local_documents_has_no_other_effect() -> None:
    assert bulk_answers(["_local/a"], [4]) == [Rev(0, b"4")]
    assert bulk_answers([], []) == []


def test_what_was_purged() -> None:
    form = PurgedForm(("a", "é"), 99)
    body = b'{"purge_seq":null,"purged":{"a":["2-%b"],"\xc3\xa9":[]}}\n' % (b"a" * 32)
    assert form.render([[[REV], []]]) == StoredReply(201, body)
    assert PurgedForm((), 9).render([]).body == b'{"purge_seq":null,"purged":{}}\n'


@pytest.mark.parametrize("answer", [REV, Conflict()])
@pytest.mark.parametrize("ids", [("a",), ("a", "b" * 100, "é")])
def test_the_expected_length_is_about_right(ids: tuple[str, ...], answer: Rev | DocstoreError) -> None:
    form = BulkForm(ids)
    length = len(form.render([[answer] * len(ids)]).body)
    assert length <= form.expected_bytes + 3 <= length + 10 * len(ids) + 3


def test_the_expected_length_of_one_document() -> None:
    one = WrittenForm("x" * 50, 201)
    assert len(one.render([[REV]]).body) <= one.expected_bytes


def test_the_expected_length_of_other_replies() -> None:
    assert BulkForm(("a",) * 100, only_failed=True).expected_bytes == 3
    assert ConstantForm(StoredReply(200, b"abc")).expected_bytes == 3
    assert PurgedForm(("a",), 77).expected_bytes == 77
