"""Data put into databases: as a whole, or told why not."""

import json
from pathlib import Path

import aiohttp
import pytest

from docstore.double.stage.fixture_files import BadFixture
from docstore.replication.backup.backup import save
from docstore.replication.backup.file import BackupWriter
from docstore.replication.local.peer import LocalPeer
from docstore.testing import TestNode

REV = "3-" + "ab" * 16


async def rows(client: aiohttp.ClientSession, name: str = "films") -> dict[str, str]:
    async with client.get(f"/{name}/_all_docs") as reply:
        return {row["id"]: row["value"]["rev"] for row in (await reply.json())["rows"]}


async def test_documents_with_and_without_revisions(server: TestNode, client: aiohttp.ClientSession) -> None:
    loaded = await server.stage.load("films", [{"_id": "a", "_rev": REV}, {"_id": "b"}, {"n": 1}])
    assert loaded == ("films", 3)
    found = await rows(client)
    assert found["a"] == REV
    assert len(found) == 3


async def test_a_folder_with_everything(server: TestNode, client: aiohttp.ClientSession, tmp_path: Path) -> None:
    (tmp_path / "alien").mkdir()
    (tmp_path / "alien.json").write_text("{}")
    (tmp_path / "alien" / "poster.png").write_bytes(b"png")
    (tmp_path / "_security.json").write_text('{"members":{"names":["sue"],"roles":[]}}')
    await server.stage.load("made", tmp_path)
    async with client.get("/made/alien/poster.png") as reply:
        assert (reply.headers["Content-Type"], await reply.read()) == ("image/png", b"png")
    async with client.get("/made/_security") as reply:
        assert (await reply.json())["members"]["names"] == ["sue"]


async def test_a_backup_brings_conflicts_and_attachments(
    server: TestNode, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    docs = [{"_id": "a", "_rev": f"1-{place}" + "a" * 31, "n": place} for place in (1, 2)]
    await client.post("/films/_bulk_docs", json={"docs": docs, "new_edits": False})
    await client.put("/films/b/a.bin", data=b"bytes")
    file = tmp_path / "films.backup"
    peer = LocalPeer(server.node.registry, "films")
    with BackupWriter.create(file, "films") as writer:
        await save(peer, writer, lambda _: None)
    assert await server.stage.load("copy", file) == ("copy", 3)
    assert await rows(client, "copy") == await rows(client)
    async with client.get("/copy/a?conflicts=true") as reply:
        assert len((await reply.json())["_conflicts"]) == 1
    assert await (await client.get("/copy/b/a.bin")).read() == b"bytes"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(BadFixture):
        await server.stage.load("half", file)
    assert not server.node.registry.exists("half")


@pytest.mark.parametrize(
    ("docs", "told"),
    [
        ([{"_id": "a"}, {"_id": "_b"}], "_b: illegal_docid"),
        ([{"_id": str(place), "_no": 1} for place in range(9)], "9 documents were refused.*and 4 more"),
        ("text", "neither a document"),
    ],
)
async def test_nothing_is_written_of_what_cannot_be(server: TestNode, docs: object, told: str) -> None:
    with pytest.raises(BadFixture, match=told):
        await server.stage.load("made", docs)  # type: ignore[arg-type]
    assert not server.node.registry.exists("made")


async def test_a_document_that_is_there_is_told(server: TestNode, client: aiohttp.ClientSession) -> None:
    await client.put("/films/a", json={"n": 1})
    with pytest.raises(BadFixture, match="a: conflict"):
        await server.stage.load("films", [{"_id": "a", "n": 2}])


async def test_a_file_that_is_not_there(server: TestNode, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await server.stage.load("films", tmp_path / "nothing.json")


async def test_paths_over_http(server: TestNode, client: aiohttp.ClientSession, tmp_path: Path) -> None:
    file = tmp_path / "films.json"
    file.write_text(json.dumps([{"_id": "a"}]))
    async with client.post("/_docstore/load", json={"database": "made", "path": str(file)}) as reply:
        assert (reply.status, await reply.json()) == (201, {"database": "made", "documents": 1})
    async with client.post("/_docstore/load", json={"database": "made", "docs": [{"_id": "b"}]}) as reply:
        assert reply.status == 201
    assert set(await rows(client, "made")) == {"a", "b"}
    for body in (
        {"database": "made"},
        {"database": "made", "docs": [], "path": "x"},
        {"database": 7, "docs": []},
        {"database": "made", "path": str(tmp_path / "nothing")},
        {"database": "made", "docs": [{"_id": "_c"}]},
        {"database": "UPPER", "docs": []},
        {"other": 1},
        [],
    ):
        async with client.post("/_docstore/load", json=body) as reply:
            assert (reply.status, (await reply.json())["error"]) in {
                (400, "bad_request"),
                (400, "illegal_database_name"),
            }
