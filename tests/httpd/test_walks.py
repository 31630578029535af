"""A handler tells one story: which modules it calls itself, in order, and each in one stretch.

Measured: the calls that the handler's own frame makes, to functions of the package that are neither its own module's
nor the request's. A module that stands twice in a walk is a room that the handler has left and come back to.
"""

import sys
import threading
from types import FrameType

import pytest

from docstore.httpd.documents import attachments, bulk, documents, local_docs, resolve
from docstore.httpd.server import databases
from tests.httpd.asking import Database

REQUEST = "httpd.request"
REV = "1-967a00dff5e02add41819138abb3284d"
"""The revision of a new document without members."""


def module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).removeprefix("docstore.")


class Walk:
    """The modules that frames of one function call; the second and later calls of a stretch are left out."""

    def __init__(self, function) -> None:
        self.code = function.__code__
        self.modules: list[str] = []
        self._thread = threading.get_ident()
        self._begun: list[FrameType] = []

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        caller = frame.f_back
        if event != "call" or caller is None or caller.f_code is not self.code or frame in self._begun:
            return  # a frame that was called before goes on
        self._begun.append(frame)
        module = module_of(frame)
        known = frame.f_globals.get("__name__", "").startswith("docstore.")
        known = known and not module.startswith("double.")  # which stands around the server under test
        if known and module not in (REQUEST, module_of(caller)) and self.modules[-1:] != [module]:
            self.modules.append(module)

    def __enter__(self) -> "Walk":
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


PARAMS = "httpd.params.documents"
CONDITIONS = "httpd.params.conditions"
BODIES = "httpd.documents.bodies"
REPLIES = "httpd.documents.replies"
REGISTRY = "database.registry"
ID = "core.document"
DATABASE = "database.database"

BULK = {"docs": [{"_id": "new"}]}
RESOLVE = {"leaves": ["1-a", "1-b"], "keep": "1-b"}

WALKS = {
    "get": (documents.get_document, ("GET", "/old"), [REGISTRY, "core.conditions", REPLIES]),
    "put": (documents.put_document, ("PUT", "/new", {"n": 1}), [REGISTRY, ID, DATABASE, BODIES]),
    "post": (
        documents.create_document,
        ("POST", "", {"n": 1}),
        ["database.uuids", BODIES, DATABASE, "httpd.documents.veiled"],
    ),
    "delete": (documents.delete_document, ("DELETE", f"/old?rev={REV}"), [PARAMS, CONDITIONS]),
    "put local": (local_docs.put_local, ("PUT", "/_local/new", {}), [PARAMS, ID, CONDITIONS, BODIES]),
    "bulk": (
        bulk.bulk_docs,
        ("POST", "/_bulk_docs", BULK),
        ["httpd.documents.bulk_pieces", "core.histogram", "httpd.documents.veiled"],
    ),
    "attachment": (
        attachments.put_attachment,
        ("PUT", f"/old/a?rev={REV}", b"bytes"),
        [
            "core.attachment",
            PARAMS,
            CONDITIONS,
            ID,
            "httpd.params.preferences",
            DATABASE,
            "httpd.wire.bodies",
            "httpd.replies",
        ],
    ),
    "get attachment": (
        attachments.get_attachment,
        ("GET", "/kept/a"),
        [
            PARAMS,
            DATABASE,
            "httpd.wire.accept",
            "core.attachment",
            "httpd.replies",
            "httpd.wire.ranges",
            "core.multipart",
            "httpd.wire.streaming",
        ],
    ),
    "resolve": (
        resolve.resolve_document,
        ("POST", "/torn/_resolve", RESOLVE),
        [
            "httpd.params.resolve",
            DATABASE,
            "database.conflicts.resolving",
            REPLIES,
            "database.conflicts.planning",
            "database.apply.resolve_forms",
        ],
    ),
    "resolve many": (
        resolve.resolve_many,
        ("POST", "/_resolve", {"keep": "winner"}),
        ["httpd.params.resolve", DATABASE, "database.conflicts.resolving", "database.apply.resolve_forms"],
    ),
    "create": (databases.create, ("PUT", "2"), ["httpd.replies"]),
}


@pytest.mark.parametrize("name", WALKS)
async def test_each_room_is_entered_once(db: Database, name: str) -> None:
    handler, asked, expected = WALKS[name]
    await db.write("old", {})
    await db.put("kept/a", b"bytes")
    for rev in ("1-a", "1-b"):
        await db.replicate({"_id": "torn", "_rev": rev})
    with Walk(handler) as walk:
        answer = await db.ask(*asked)
    assert answer.status in (200, 201), answer
    assert walk.modules == expected
    assert len(set(walk.modules)) == len(walk.modules)
