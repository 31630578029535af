"""The short way of a refused PUT says what the long way says, counts alike, and refuses nothing else."""

import pytest

from docstore.double.request_body import SeenBody
from docstore.httpd.documents import documents, early_refusals
from docstore.httpd.request import Request

OTHER = "1-0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True, params=["at hand", "read"])
def arrival(request, monkeypatch):
    """Whether the body is at hand with the request; the journal of a test server wants to see it being read."""
    if request.param == "at hand":
        monkeypatch.setattr(SeenBody, "of", classmethod(lambda cls, raw, keep: cls(raw.content, keep)))
    return request.param


def told(answer):
    return answer.status, answer.body, answer.headers.get("ETag"), answer.headers.get("Location")


async def long_way(monkeypatch, db, path, body, **headers):
    """The same request where nothing is refused early."""
    with monkeypatch.context() as patch:
        patch.setattr(early_refusals, "asks_plainly", lambda *_: False)
        return await db.put(path, body, **headers)


@pytest.fixture
def short(monkeypatch):
    """What was refused early."""
    refused = []
    refusal = documents.refusal

    def counted(*arguments):
        reply = refusal(*arguments)
        refused.append(reply is not None)
        return reply

    monkeypatch.setattr(documents, "refusal", counted)
    return refused


CASES = {
    "no revision": ("d", {"n": 2}, True),
    "its own id": ("d", {"_id": "d", "n": 2}, True),
    "a superseded one": ("d", {"_rev": "FIRST"}, True),
    "an unknown one": ("d", {"_rev": OTHER}, True),
    "in the query": (f"d?rev={OTHER}", {}, True),
    "in both": (f"d?rev={OTHER}", {"_rev": OTHER}, True),
    "two different ones": (f"d?rev={OTHER}", {"_rev": "FIRST"}, False),
    "another id": ("d", {"_id": "e"}, False),
    "a deletion": ("d", {"_deleted": True}, False),
    "a member that may not be": ("d", {"_odd": 1}, False),
    "history": ("d", {"_rev": OTHER, "_revisions": {"start": 1, "ids": ["a"]}}, False),
    "an attachment": ("d", {"_attachments": {"a": {"data": "aGk="}}}, False),
    "no object": ("d", [1], False),
    "null": ("d", b"null", False),
    "no JSON": ("d", b'{"a":', False),
    "two revisions, the last one counts": ("d", b'{"_rev":"nonsense","a":1,"_rev":"%b"}' % OTHER.encode(), True),
    "two ids": ("d", b'{"_id":"d","_id":"e"}', False),
    "colons in text": ("d", b'{"a":"::","b":"\\u003a"}', True),
    "a huge number": ("d", b'{"n":1%b}' % (b"0" * 400), False),
    "no revision at all": ("d", {"_rev": "nonsense"}, False),
    "a number for one": ("d", {"_rev": 1}, False),
    "a revision made elsewhere": ("d?new_edits=false", {"_rev": OTHER}, False),
    "a batch": ("d?batch=ok", {}, False),
}


@pytest.mark.parametrize("case", CASES)
async def test_both_ways_say_the_same(db, short, monkeypatch, case):
    first = await db.write("d", {"n": 0})
    await db.write("d", {"n": 1, "_rev": first})
    path, body, early = CASES[case]
    if isinstance(body, dict) and body.get("_rev") == "FIRST":
        body = body | {"_rev": first}
    answer = await db.put(path, body)
    assert any(short) is early
    if case not in ("a batch", "a revision made elsewhere", "a deletion"):
        assert told(answer) == told(await long_way(monkeypatch, db, path, body))
    assert answer.status == 409 if early else True


@pytest.mark.parametrize(
    "headers",
    [
        {"If_Match": f'"{OTHER}"'},
        {"If_None_Match": "*"},
        {"Prefer": "handling=lenient"},
        {"Idempotency_Key": '"k"'},
        {"Accept": "application/problem+json"},
        {"Content_Type": "multipart/related; boundary=x"},
    ],
)
async def test_who_asks_for_more_is_not_refused_early(db, short, headers):
    await db.write("d", {"n": 0})
    await db.put("d", {"n": 1}, **headers)
    assert not any(short)


async def test_what_is_no_conflict_passes(db, short):
    first = await db.write("d", {"n": 0})
    second = await db.write("d", {"_id": "d", "_rev": first, "n": 1})
    deleted = await db.delete(f"d?rev={second}")
    assert (await db.put("d", {"n": 2})).status == 201
    assert (await db.put("d", {"_rev": deleted.json["rev"]})).status == 409
    assert (await db.put("e", {"_rev": OTHER})).status == 409
    assert short == [False, False, True]


async def test_the_kinds_are_counted(client, db):
    first = await db.write("d", {"n": 0})
    await db.write("d", {"n": 1, "_rev": first})
    await db.put("d", {})
    await db.put("d", {"_rev": first})
    await db.put("d", {"_rev": OTHER})
    async with client.get("/_docstore/conflict_stats") as reply:
        kinds = (await reply.json())["kinds"]
    assert kinds == {"document-already-exists": 1, "revision-superseded": 1, "revision-unknown": 1}


async def test_the_kinds_of_long_histories_are_counted(client, db):
    """Those of which the record alone does not tell what it knows."""
    revs = [await db.write("d", {})]
    for number in range(200):
        revs.append(await db.write("d", {"n": number, "_rev": revs[-1]}))
    await db.put("d", {"_rev": revs[0]})
    await db.put("d", {"_rev": revs[-2]})
    await db.put("d", {"_rev": OTHER})
    async with client.get("/_docstore/conflict_stats") as reply:
        kinds = (await reply.json())["kinds"]
    assert kinds == {"revision-superseded": 2, "revision-unknown": 1}


async def test_both_ways_are_taken(db, arrival, monkeypatch):
    seen = []
    small_body = Request.small_body

    def watched(self):
        seen.append(small_body(self))
        return seen[-1]

    await db.write("d", {"n": 0})
    monkeypatch.setattr(Request, "small_body", watched)
    assert (await db.put("d", b'{"n":1}')).status == 409
    assert seen == [b'{"n":1}' if arrival == "at hand" else None]


async def test_what_is_no_conflict_keeps_the_places_of_repeated_members(db):
    first = await db.write("d", {"n": 0})
    text = b'{"b":1,"_rev":"1-x","a":2,"b":3,"_rev":"%b"}' % first.encode()
    assert (await db.put("d", text)).status == 201
    assert list((await db.get("d")).json) == ["_id", "_rev", "a", "b"]
