"""Who wrote a leaf, and when: by every way to write, and wherever it is told."""

import base64

import aiohttp
import pytest

from docstore.httpd.writing import batch
from docstore.settings import Admin
from docstore.storage.documents.documents import get_record
from docstore.storage.documents.stamps import unpack_stamps
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.storage_findings import storage_findings

PROBLEMS = {"Accept": "application/problem+json"}
AT = 1_767_225_600_000_000
TEXT = "2026-01-01T00:00:00.000000Z"
OTHERS = "1-" + "f" * 32


def basic(name: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:secret".encode()).decode()}


class Place:
    """A database as alice and bob see it."""

    def __init__(self, server, alice, bob):
        self.server = server
        self.alice = Database(alice)
        self.bob = Database(bob)

    def written(self, doc_id):
        """Revision -> who wrote it, of the leaves that were written here."""
        node = self.server.node
        with node.env.snapshot() as snapshot:
            record = get_record(snapshot, node.registry.open("db").number, doc_id)
        assert record is not None
        assert all(written.at == AT for written in unpack_stamps(record.stamps()).values())
        return [written.by for written in unpack_stamps(record.stamps()).values()]


@pytest.fixture
async def place(tmp_path):
    async with (
        run_node(data=tmp_path, admin=Admin("admin", "secret")) as server,
        aiohttp.ClientSession(server.url, headers=basic("admin")) as admin,
        aiohttp.ClientSession(server.url, headers=basic("alice")) as alice,
        aiohttp.ClientSession(server.url, headers=basic("bob")) as bob,
    ):
        server.node.registry._clock = lambda: AT
        server.node.uploads._clock = lambda: AT
        users = Database(admin, "_users")
        await users.ask("PUT", "")
        for name in ("alice", "bob"):
            body = {"name": name, "password": "secret", "type": "user", "roles": []}
            assert (await users.put(f"org.couchdb.user:{name}", body)).status == 201
        db = await Database(admin).create()
        members = {"members": {"names": ["alice"], "roles": []}, "admins": {"names": ["bob"], "roles": []}}
        assert (await db.put("_security", members)).status == 200
        yield Place(server, alice, bob)
        assert storage_findings(server.node) == []


async def test_every_way_to_write_says_who_it_was(place):
    alice, bob = place.alice, place.bob
    rev = await alice.write("a", {})
    assert place.written("a") == ["alice"]
    rev = await bob.write("a", {"_rev": rev})
    assert place.written("a") == ["bob"]
    rev = (await alice.put(f"a/x?rev={rev}", b"1", Content_Type="text/plain")).json["rev"]
    assert place.written("a") == ["alice"]
    rev = (await bob.delete(f"a/x?rev={rev}")).json["rev"]
    assert place.written("a") == ["bob"]
    assert (await alice.ask("COPY", "/a", Destination="b")).status == 201
    assert place.written("b") == ["alice"]
    await bob.delete(f"a?rev={rev}")
    assert place.written("a") == ["bob"]
    posted = (await alice.post("", {})).json["id"]
    assert place.written(posted) == ["alice"]
    bulk = [{"_id": "c"}, {"_id": "d", "_attachments": {"x": {"data": "AAAA"}}}]
    assert (await bob.post("_bulk_docs", {"docs": bulk})).status == 201
    assert place.written("c") == place.written("d") == ["bob"]
    for _ in range(2):
        assert (await alice.put("e", {}, Idempotency_Key="k")).status == 201
    assert place.written("e") == ["alice"]
    design = {"updates": {"u": "function (doc, req) { return [{_id: 'f'}, 'done']; }"}, "language": "javascript"}
    assert (await bob.put("_design/x", design)).status == 201
    assert place.written("_design/x") == ["bob"]
    assert (await alice.post("_design/x/_update/u", b"")).status == 201
    assert place.written("f") == ["alice"]


async def test_so_does_one_that_is_not_waited_for(place):
    assert (await place.alice.put("a?batch=ok", {})).status == 202
    await batch.written()
    assert place.written("a") == ["alice"]


async def test_an_upload_is_by_who_completes_it(place):
    rev = await place.alice.write("a", {})
    headers = {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?0", "Content-Type": "text/plain"}
    begun = await place.alice.ask("PUT", f"/a/x?rev={rev}", b"12", **headers)
    path = begun.headers["Location"].partition("/db")[2]
    more = {"Upload-Complete": "?1", "Upload-Offset": "2", "Content-Type": "application/partial-upload"}
    done = await place.bob.ask("PATCH", path, b"34", **headers | more)
    assert done.status in (200, 201, 204), done
    assert place.written("a") == ["bob"]


async def test_what_came_from_elsewhere_is_by_nobody_who_is_known(place):
    await place.bob.replicate({"_id": "a", "_rev": OTHERS})
    assert place.written("a") == []
    [leaf] = (await place.alice.get("a/_tree")).json["nodes"]
    assert (leaf["at"], leaf["by"]) == (None, None)
    await place.alice.write("a", {"_rev": OTHERS})
    assert place.written("a") == ["alice"]
    await place.bob.replicate({"_id": "a", "_rev": "3-" + "e" * 32, "_revisions": {"start": 3, "ids": ["e" * 32]}})
    assert place.written("a") == ["alice"], "beside a leaf from elsewhere"


async def test_a_conflict_that_is_resolved_is_by_who_resolved_it(place):
    await place.alice.write("a", {})
    await place.bob.replicate({"_id": "a", "_rev": OTHERS})
    listed = (await place.alice.get("_conflicts?include_meta=true")).json["rows"]
    [meta] = [row["value"]["meta"] for row in listed]
    assert sorted(meta, key=str) == sorted(
        [{"rev": OTHERS, "at": None, "by": None}, {"rev": meta_rev(meta, "alice"), "at": TEXT, "by": "alice"}], key=str
    )
    assert meta[0]["rev"] == listed[0]["value"]["rev"], "the winner first"
    assert (await place.alice.post("_conflicts", {"include_meta": True})).json["rows"] == listed
    assert "meta" not in (await place.alice.get("_conflicts")).json["rows"][0]["value"]
    answer = await place.bob.post("a/_resolve", {"leaves": [row["rev"] for row in meta], "keep": meta[0]["rev"]})
    assert answer.status == 201, answer
    assert place.written("a") == ["bob"], "the tombstone; the leaf that was kept is from elsewhere"
    leaves = [node for node in (await place.alice.get("a/_tree")).json["nodes"] if node["leaf"]]
    assert {(node["at"], node["by"]) for node in leaves if node["deleted"]} == {(TEXT, "bob")}


def meta_rev(meta, by):
    [rev] = [row["rev"] for row in meta if row["by"] == by]
    return rev


async def test_the_tree_tells_and_draws_it(place):
    rev = await place.alice.write("a", {})
    rev = await place.bob.write("a", {"_rev": rev})
    parent, leaf = (await place.alice.get("a/_tree")).json["nodes"]
    assert "at" not in parent
    assert (leaf["at"], leaf["by"]) == (TEXT, "bob")
    drawn = (await place.alice.get("a/_tree?format=text")).body.decode()
    assert f"★ {rev}  winner  bob, 2026-01-01 00:00:00 UTC\n" in drawn
    assert "bob, 2026-01-01 00:00:00 UTC</title>" in (await place.alice.get("a/_tree?format=svg")).body.decode()


async def test_a_refused_edit_is_told_whose_revision_stands(place):
    rev = await place.alice.write("a", {})
    await place.bob.write("a", {"_rev": rev})
    problem = (await place.alice.put("a", {"_rev": rev, "n": 1}, **PROBLEMS)).json
    assert (problem["current_by"], problem["current_at"]) == ("bob", TEXT)
    [row] = (await place.alice.post("_bulk_docs", {"docs": [{"_id": "a", "_rev": rev, "n": 1}]}, **PROBLEMS)).json
    assert (row["problem"]["current_by"], row["problem"]["current_at"]) == ("bob", TEXT)
    assert "current_by" not in (await place.alice.put("a", {"_rev": rev, "n": 1})).json, "who does not ask is not told"
    await place.bob.replicate({"_id": "b", "_rev": OTHERS})
    problem = (await place.alice.put("b", {"n": 1}, **PROBLEMS)).json
    assert "current_by" not in problem
    assert "current_at" not in problem


async def test_it_is_kept_by_a_server_that_starts_again_and_not_replicated(place, tmp_path):
    await place.alice.write("a", {})
    root = Database(place.bob.client, "")
    admin = basic("admin")
    answer = await root.ask("POST", "_replicate", {"source": "db", "target": "copy", "create_target": True}, **admin)
    assert answer.status == 200, answer
    copy = Database(place.alice.client, "copy")
    [leaf] = (await copy.get("a/_tree", **admin)).json["nodes"]
    assert (leaf["at"], leaf["by"]) == (None, None)


async def test_nobody_is_nobody(server, client):
    db = await Database(client).create()
    await db.write("a", {})
    [leaf] = (await db.get("a/_tree")).json["nodes"]
    assert leaf["by"] is None
    assert leaf["at"].endswith("Z")
