"""How what a handler hands back is carried out; keys and leniency have files of their own."""

import asyncio

from docstore.core.conditions import CREATE_ONLY
from docstore.core.document import EMPTY_BODY, Document
from docstore.core.rev import parse_rev
from docstore.core.revision_hash import EMPTY_BODY_TERM
from docstore.database.apply.reply_forms import ConstantForm
from docstore.database.results import EditResult
from docstore.errors import Conflict
from docstore.httpd.replies import Reply
from docstore.httpd.writing.writes import Change, Edit
from docstore.storage.remembered_rows import StoredReply
from tests.httpd.serving import router, serving

REV = parse_rev("1-aa")
KEPT = StoredReply(201, b"kept\n", (("X-Kept", "yes"),))


class Work:
    """Remembers what it was called with; ``refusal`` is raised once ``go`` is set."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.calls: list[object] = []
        self.refusal = refusal
        self.go = asyncio.Event()
        self.go.set()
        self.ended = asyncio.Event()

    async def __call__(self, once: object) -> EditResult:
        self.calls.append(once)
        await self.go.wait()
        self.ended.set()
        if self.refusal is not None:
            raise self.refusal
        return EditResult("d", REV, None)


def answering(answer: object):
    async def handler(request):
        return answer

    return router(x=handler)


def document(condition=None) -> Document:
    return Document("d", None, False, EMPTY_BODY, EMPTY_BODY_TERM, condition=condition)


async def test_an_edit_is_done_once_and_its_reply_looks_as_it_says():
    work = Work()
    edit = Edit(work, "d", 200, location=False, headers=(("X-More", "yes"),))
    async with serving(answering(edit)) as server:
        answer = await server.get("/_x")
    assert work.calls == [None]
    assert (answer.status, answer.body) == (200, b'{"ok":true,"id":"d","rev":"1-aa"}\n')
    assert (answer.headers["ETag"], answer.headers["X-More"]) == ('"1-aa"', "yes")
    assert "Location" not in answer.headers


async def test_an_etag_of_another_kind_is_made_when_it_is_told():
    asked = []

    async def etag() -> str:
        asked.append(True)
        return "other"

    async with serving(answering(Edit(Work(), "a/b", 201, etag))) as server:
        answer = await server.get("/_x")
        assert answer.headers["ETag"] == '"other"'
        assert answer.headers["Location"] == "http://localhost/_x/a%2Fb"
    async with serving(answering(Edit(Work(Conflict()), "d", 201, etag))) as server:
        assert (await server.get("/_x")).status == 409
    assert asked == [True]


async def test_a_batch_is_answered_before_it_is_written():
    work = Work(Conflict())
    work.go.clear()
    async with serving(answering(Edit(work, "d", 201, batch=document()))) as server:
        answer = await server.get("/_x")
        assert (answer.status, answer.body) == (202, b'{"ok":true,"id":"d"}\n')
        assert work.calls == [None]
        assert not work.ended.is_set()
        work.go.set()
        await work.ended.wait()


async def test_a_batch_with_a_condition_is_waited_for():
    async with serving(answering(Edit(Work(Conflict()), "d", 201, batch=document(CREATE_ONLY)))) as server:
        assert (await server.get("/_x")).status == 409
    work = Work()
    async with serving(answering(Edit(work, "d", 201, batch=document(CREATE_ONLY)))) as server:
        assert (await server.get("/_x")).status == 202
        assert work.ended.is_set()


async def test_a_change_is_answered_by_its_form_or_of_what_came_of_it():
    async def reply(result: EditResult) -> Reply:
        return Reply(200, str(result.rev).encode())

    def form() -> ConstantForm:
        return ConstantForm(KEPT)

    work = Work()
    async with serving(answering(Change(work, form))) as server:
        answer = await server.get("/_x")
        assert (answer.status, answer.body, answer.headers["X-Kept"]) == (201, b"kept\n", "yes")
    async with serving(answering(Change(work, form, reply))) as server:
        assert (await server.get("/_x")).body == b"1-aa"
    assert work.calls == [None, None]


async def test_a_key_means_nothing_to_a_handler_that_does_not_heed_it():
    work = Work()
    async with serving(answering(Edit(work, "d", 201))) as server:
        answer = await server.get("/_x", "Idempotency-Key: k")
    assert answer.status == 201
    assert work.calls == [None]
