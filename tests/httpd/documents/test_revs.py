"""``_revs_diff`` and ``_missing_revs``."""

import pytest

C, D, E = "3-" + "c" * 32, "2-" + "d" * 32, "4-" + "e" * 32


@pytest.fixture
async def tree(db):
    ids = ["c" * 32, "b" * 32, "a" * 32]
    await db.replicate(
        {"_id": "t", "_rev": C, "_revisions": {"start": 3, "ids": ids}},
        {"_id": "t", "_rev": D, "_revisions": {"start": 2, "ids": ["d" * 32, "a" * 32]}},
        {"_id": "u", "_rev": "1-a"},
    )
    return db


async def test_diff(tree):
    answer = await tree.post("_revs_diff", {"t": [C, D, E], "u": ["1-a"], "v": ["1-abc", "2-def"]})
    assert answer.status == 200
    assert list(answer.json) == ["t", "v"]
    assert answer.json["t"]["missing"] == [E]
    assert set(answer.json["t"]["possible_ancestors"]) == {C, D}
    assert answer.json["v"] == {"missing": ["1-abc", "2-def"]}


async def test_what_is_asked_for_twice_is_missing_twice(tree):
    assert (await tree.post("_revs_diff", {"t": [E, E]})).json["t"]["missing"] == [E, E]


async def test_missing(tree):
    answer = await tree.post("_missing_revs", {"t": [C, E], "u": ["1-a"], "v": ["1-abc"]})
    assert answer.body == b'{"missing_revs":{"t":["%b"],"v":["1-abc"]}}\n' % E.encode()


@pytest.mark.parametrize("path", ["_revs_diff", "_missing_revs"])
async def test_nothing_missing(tree, path):
    for asked in ({}, {"t": []}, {"t": [C]}, {"t": ["2-" + "b" * 32]}):
        assert (await tree.post(path, asked)).json == ({} if path == "_revs_diff" else {"missing_revs": {}})


@pytest.mark.parametrize("path", ["_revs_diff", "_missing_revs"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "invalid UTF-8 JSON"),
        ([], "Request body must be a JSON object"),
        ({"t": "x"}, "Invalid list of revisions"),
        ({"t": ["bad"]}, "Invalid rev format"),
        ({"t": [5]}, "Invalid rev format"),
    ],
)
async def test_malformed(tree, path, body, reason):
    assert (await tree.post(path, body)).error == (400, "bad_request", reason)


async def test_content_type(tree):
    answer = await tree.post("_revs_diff", {}, Content_Type="text/plain")
    assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")


async def test_many_documents(db):
    asked = {f"d{number}": ["1-a"] for number in range(2_000)}
    assert list((await db.post("_revs_diff", asked)).json) == list(asked)
