"""Stores of earlier formats open, say what they said, and are of the present one from when they are opened to write."""

import gzip
from pathlib import Path

import aiohttp
import pytest

from docstore.settings import StorageSettings
from docstore.storage import keys
from docstore.storage.check.store import check
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.environment import Environment
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.storage_findings import storage_findings

FORMATS = Path(__file__).parent / "formats"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = gzip.decompress((FORMATS / "format_1.mdb.gz").read_bytes())
    (tmp_path / DATA_FILE).write_bytes(data)
    return tmp_path


def version(environment: Environment) -> int:
    with environment.snapshot() as snapshot:
        return int.from_bytes(snapshot.get(snapshot.tables.meta, keys.META_FORMAT_VERSION) or b"")


def test_who_reads_it_changes_nothing(folder: Path) -> None:
    before = (folder / DATA_FILE).read_bytes()
    with Environment.open(folder, StorageSettings(), read_only=True) as environment:
        assert version(environment) == 1
        with environment.snapshot() as snapshot:
            assert list(check(snapshot)) == []
    assert (folder / DATA_FILE).read_bytes() == before


async def test_who_writes_goes_on_with_it(folder: Path) -> None:
    async with run_node(data=folder) as server, aiohttp.ClientSession(server.url) as client:
        db = Database(client)
        assert version(server.node.env) == keys.FORMAT_VERSION
        ids = [row["id"] for row in (await db.get("_all_docs")).json["rows"]]
        assert ids == ["attached", "fork", "odd", "plain", "sealed", "x" * 500]
        for doc_id in ids:
            answer = await db.get(doc_id)
            assert "Last-Modified" not in answer.headers, "nobody knows when it was written"
            leaves = [node for node in (await db.get(f"{doc_id}/_tree")).json["nodes"] if node["leaf"]]
            assert {(leaf["at"], leaf["by"]) for leaf in leaves} == {(None, None)}
            await db.write(doc_id, {"_rev": answer.json["_rev"], "n": 3})
        await db.write("gone", {"again": True})
        assert "Last-Modified" in (await db.get("plain")).headers
        assert storage_findings(server.node) == []
    async with run_node(data=folder) as server, aiohttp.ClientSession(server.url) as client:
        for doc_id in ids:
            leaves = [node for node in (await Database(client).get(f"{doc_id}/_tree")).json["nodes"] if node["leaf"]]
            assert [leaf["at"] is not None for leaf in leaves if leaf["winner"]] == [True]
        assert storage_findings(server.node) == []
