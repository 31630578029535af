"""Several revisions of one document."""

import pytest

from tests.core.test_multipart import read

A, B, C, D = (f"{generation}-{letter * 32}" for generation, letter in ((1, "a"), (2, "b"), (2, "c"), (3, "d")))


@pytest.fixture
async def tree(db):
    """1-a with the leaves 2-b, 2-c and the deleted 3-d below 2-c's twin."""

    def row(*ids, **members):
        generation = len(ids)
        return {
            "_id": "t",
            "_rev": f"{generation}-{ids[0] * 32}",
            "_revisions": {"start": generation, "ids": [name * 32 for name in ids]},
            **members,
        }

    await db.replicate(row("b", "a", n="b"), row("c", "a", n="c"), row("d", "e", "a", _deleted=True))
    return db


def oks(answer):
    return {row["ok"]["_rev"] for row in answer.json}


async def test_all_leaves(tree):
    answer = await tree.get("t?open_revs=all")
    assert answer.body.startswith(b'[{"ok":{"_id":"t","_rev":')
    assert answer.body.endswith(b"]\n")
    assert answer.headers["Cache-Control"] == "must-revalidate"
    assert oks(answer) == {B, C, D}


async def test_named_and_missing(tree):
    answer = await tree.get(f't?open_revs=["{B}","9-a","{A}"]')
    assert {"missing": "9-a"} in answer.json
    assert {"missing": A} in answer.json
    assert {"ok": {"_id": "t", "_rev": B, "n": "b"}} in answer.json


async def test_latest(tree):
    assert oks(await tree.get(f't?open_revs=["{A}"]&latest=true')) == {B, C, D}
    assert oks(await tree.get(f't?open_revs=["{B}"]&latest=true')) == {B}


async def test_revs(tree):
    (row,) = (await tree.get(f't?open_revs=["{B}"]&revs=true')).json
    assert row["ok"]["_revisions"] == {"start": 2, "ids": ["b" * 32, "a" * 32]}


async def test_none_asked_for_is_a_plain_get(tree):
    answer = await tree.get("t?open_revs=[]")
    assert answer.json["_rev"] == C
    assert "ETag" in answer.headers


async def test_no_such_document(tree):
    assert (await tree.get("none?open_revs=all")).error == (404, "not_found", "missing")
    assert (await tree.get('none?open_revs=["1-abc"]')).json == [{"missing": "1-abc"}]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("foo", "invalid UTF-8 JSON"),
        ('"all"', "Invalid list of revisions"),
        ("{}", "Invalid list of revisions"),
        ('["foo"]', "Invalid rev format"),
        ("[5]", "Invalid rev format"),
    ],
)
async def test_malformed(tree, value, reason):
    assert (await tree.get(f"t?open_revs={value}")).error == (400, "bad_request", reason)
    assert (await tree.get(f"t?atts_since={value}")).error == (400, "bad_request", reason)


@pytest.mark.parametrize("accept", [None, "*/*", "multipart/mixed", "application/json;q=0.5, multipart/*"])
async def test_multipart(tree, accept):
    answer = await tree.get(f't?open_revs=["{B}","9-a"]', Accept=accept)
    assert answer.headers["Content-Type"].startswith('multipart/mixed; boundary="')
    assert "Cache-Control" not in answer.headers
    message = read(answer.headers["Content-Type"], answer.body)
    parts = {part["Content-Type"]: part.get_payload(decode=True) for part in message.get_payload()}
    assert parts == {
        "application/json": b'{"_id":"t","_rev":"%b","n":"b"}' % B.encode(),
        'application/json; error="true"': b'{"missing":"9-a"}',
    }


async def test_json_for_a_browser_that_asks_for_html(tree):
    assert oks(await tree.get("t?open_revs=all", Accept="text/html")) == {B, C, D}


async def test_multipart_with_what_the_reader_has(db):
    """Attachments that one of the named revisions has are stubs; so a replicator is not sent them again."""
    first = await db.write("a", {"_attachments": {"x": {"data": "aGVsbG8=", "content_type": "image/png"}}})
    for known, follows in ((f'["{first}"]', False), ("[]", True), ('["1-zzz"]', True)):
        answer = await db.get(f'a?open_revs=["{first}"]&atts_since={known}', Accept="multipart/mixed")
        assert (b'"follows":true' in answer.body, b'"stub":true' in answer.body) == (follows, not follows)
