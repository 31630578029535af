"""Which batches end a sequence."""

import json

import pytest

from tests.differential.forging import forges
from tests.differential.steps import Rendered


def batch(*docs, **members):
    return Rendered("POST", "/db/_bulk_docs", [], json.dumps({"docs": docs, "new_edits": False, **members}).encode())


def doc(start, *ids, doc_id="d"):
    return {"_id": doc_id, "_revisions": {"start": start, "ids": ids}}


@pytest.mark.parametrize(
    "docs",
    [
        [doc(1, "a", "b")],
        [{"_id": "d", "_rev": "2-b"}, doc(2, "b", "a")],
        [doc(3, "c", "b", "a"), doc(3, "x", "b", "y")],
    ],
)
def test_forged(docs):
    assert forges(batch(*docs))


@pytest.mark.parametrize(
    "request_",
    [
        batch(),
        batch(doc(2, "b", "a"), doc(2, "c", "a"), doc(2, "b", "a")),
        batch(doc(2, "b", "a"), doc(2, "b", "x", doc_id="e")),
        batch({"_id": "d", "_rev": "2-b"}, {"_id": "d"}, 5, {"_id": "d", "_revisions": 5}),
        batch(doc(1, "a", "b"), new_edits=True),
        Rendered("PUT", "/db/d", [], b'{"_revisions":{"start":1,"ids":["a","b"]}}'),
        Rendered("PUT", "/db/d", [], b"no JSON"),
        Rendered("GET", "/db/d", [], None),
    ],
)
def test_not_forged(request_):
    assert not forges(request_)
