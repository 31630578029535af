"""What is found out about a refused edit: whether there was anything to edit."""

import asyncio

import pytest

from tests.conformance.wire import Answer
from tests.differential.comparing import ABSENT, Difference
from tests.differential.remarks import DELETED, NOT_THERE, refused, with_remark
from tests.differential.steps import Rendered

STATUS = Difference("document.put", "PUT", "status", "201", "409 conflict: Document update conflict.")
BULK = b'{"docs":[{"_id":"ka"},{"_id":"kb"}]}'


@pytest.mark.parametrize(
    ("difference", "request_", "doc_id"),
    [
        (STATUS, Rendered("PUT", "/db/k%2Fe?rev=1-a", [], b"{}"), "k/e"),
        (STATUS, Rendered("PUT", "/db/_design/g", [], b"{}"), "_design/g"),
        (STATUS, Rendered("POST", "/db", [], b'{"_id":"ka"}'), "ka"),
        (STATUS, Rendered("COPY", "/db/ka", [("Destination", "k%20d?rev=1-a")], None), "k d"),
        (Difference("bulk.docs", "POST", "json[1].ok", True, ABSENT), Rendered("POST", "/db", [], BULK), "kb"),
        (Difference("bulk.docs", "POST", "json[1].id", "ka", "kb"), Rendered("POST", "/db", [], BULK), ""),
        (Difference("document.put", "PUT", "status", "409 conflict: x", "201"), Rendered("PUT", "/db/a", [], b""), ""),
    ],
)
def test_the_document_that_ours_does_not_edit(difference, request_, doc_id):
    assert refused(difference, request_) == doc_id


@pytest.mark.parametrize(("reason", "remark"), [("missing", NOT_THERE), ("deleted", DELETED), (None, "")])
def test_only_a_document_that_is_not_there_is_said_to_be(reason, remark):
    async def ask(target):
        assert target == "/db/ka"
        return {"reason": reason} if reason else {"_id": "ka"}

    request = Rendered("PUT", "/db/ka?rev=1-a", [], b"{}")
    found = asyncio.run(with_remark(STATUS, request, Answer("PUT", 409, [], b"{}"), "db", ask))
    assert found.remark == remark
