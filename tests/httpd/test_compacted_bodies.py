"""After a compaction: what it keeps for merges alone is missing to everybody else."""

import pytest

R = ["1-" + "a" * 32, "2-" + "b" * 32, "2-" + "c" * 32]


@pytest.fixture
async def compacted(db, server):
    """One ancestor with two live leaves, and all three of them with an attachment."""
    for number, rev in enumerate(R):
        ids = [rev[2:]] if rev == R[0] else [rev[2:], R[0][2:]]
        revisions = {"start": int(rev[0]), "ids": ids}
        attachments = {"x": {"data": "aGk=", "revpos": 1}}
        await db.replicate({"_id": "d", "_revisions": revisions, "n": 0, f"m{number}": 1, "_attachments": attachments})
    assert (await db.get(f"d?rev={R[0]}")).status == 200
    await server.node.registry.open("db").compact()
    return db


async def test_it_is_missing_on_every_reading_path(compacted):
    base = R[0]
    assert (await compacted.get(f"d?rev={base}")).error == (404, "not_found", "missing")
    assert (await compacted.get(f"d/x?rev={base}")).status == 404
    assert (await compacted.get(f'd?open_revs=["{base}"]')).json == [{"missing": base}]
    [row] = (await compacted.post("_bulk_get", {"docs": [{"id": "d", "rev": base}]})).json["results"]
    assert row["docs"][0]["error"]["error"] == "not_found"
    info = (await compacted.get("d?revs_info=true")).json["_revs_info"]
    assert [each["status"] for each in info] == ["available", "missing"]
    assert (await compacted.ask("COPY", f"/d?rev={base}", Destination="e")).status == 404
    assert (await compacted.put(f"d/y?rev={base}", b"hi")).error == (409, "not_found", "missing_rev")
    assert (await compacted.get("d?conflicts=true")).json["_conflicts"] == [R[1]]


async def test_the_tree_tells_of_it(compacted):
    nodes = (await compacted.get("d/_tree")).json["nodes"]
    assert [node["available"] for node in nodes] == ["for merging", True, True]
    assert b"body kept for merging" in (await compacted.get("d/_tree?format=svg")).body


async def test_a_merge_uses_it(compacted):
    answer = await compacted.post("d/_resolve", {"leaves": R[:0:-1], "merge": "three-way"})
    assert answer.status == 201, answer
    merged = (await compacted.get("d")).json
    assert {name: merged[name] for name in ("n", "m1", "m2")} == {"n": 0, "m1": 1, "m2": 1}
    assert "m0" not in merged
