"""The check of the file of indexes finds what is damaged, and nothing else."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import aiohttp
import lmdb
import pytest

from docstore.query.views import layout
from docstore.query.views.index_check import HINT, index_findings
from docstore.query.views.index_file import INDEX_FILE
from docstore.settings import StorageSettings
from docstore.testing import run_node
from tests.httpd.asking import Database

SETTINGS = StorageSettings()


def findings(folder: Path) -> list[str]:
    return list(index_findings(folder, SETTINGS))


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    async with run_node(data=tmp_path) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        await db.post("_bulk_docs", {"docs": [{"_id": f"d{n}", "k": "x" * (n * 20)} for n in range(50)]})
        source = "function(d) { emit(d.k, 1); emit(d.k, 2); emit(d._id, 3) }"
        await db.write("_design/v", {"views": {"v": {"map": source, "reduce": "_sum"}}})
        assert (await db.get("_design/v/_view/v")).json["rows"][0]["value"] == 300
        beside = (sys.executable, "-m", "docstore", "check", "--data", str(tmp_path))
        check = await asyncio.create_subprocess_exec(*beside, stdout=PIPE, stderr=PIPE)
        assert (await check.communicate())[0] == b""
    return tmp_path


def change(folder: Path, table: bytes, work) -> None:
    with lmdb.open(str(folder / INDEX_FILE), subdir=False, max_dbs=64) as environment:
        handle = environment.open_db(table)
        with environment.begin(write=True) as txn, txn.cursor(handle) as cursor:
            cursor.first()
            work(cursor)


def test_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert findings(tmp_path) == []


async def test_a_whole_one(folder: Path) -> None:
    assert findings(folder) == []


async def test_a_row_that_is_gone(folder: Path) -> None:
    change(folder, layout.ROWS, lambda cursor: cursor.delete())
    found = findings(folder)
    assert any("places are owned by no document, or without a row" in one for one in found)
    assert any("rows, where 150 are counted" in one for one in found)
    assert found[-1] == f"indexes: {HINT}"


async def test_rows_of_nobody(folder: Path) -> None:
    change(folder, layout.INDEXES, lambda cursor: cursor.delete())
    assert "which there is not" in findings(folder)[0]


async def test_a_state_that_cannot_be_read(folder: Path) -> None:
    change(folder, layout.INDEXES, lambda cursor: cursor.put(cursor.key(), b"\xc1"))
    assert "cannot be read" in findings(folder)[0]


async def test_a_file_that_is_cut_off(folder: Path) -> None:
    file = folder / INDEX_FILE
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert findings(folder)[0].startswith("indexes: ")


async def test_another_format_is_none_of_ours(folder: Path) -> None:
    change(folder, layout.META, lambda cursor: cursor.set_key(layout.META_FORMAT) and cursor.put(cursor.key(), b"0"))
    assert findings(folder) == []
