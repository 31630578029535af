"""Damage of the data file, in many places: it is told in words, and no process ends by a signal or a traceback."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lmdb
import pytest

from docstore.errors import StoreDamaged
from docstore.node import Node
from docstore.settings import Settings
from docstore.storage import keys
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.page_layout import META_BYTES
from tests.crash.damage_child import PAGE
from tests.crash.server_process import ServerProcess, check_findings

LONG = 20


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with something of everything, which is to be damaged."""
    data = tmp_path_factory.mktemp("whole")
    with ServerProcess(data) as server:
        http = server.connect()
        for name in ("db", "gone", "other"):
            http.request("PUT", f"/{name}")
        docs = [{"_id": f"d{number}", "text": "x" * (number * 40)} for number in range(150)]
        for database in ("db", "gone"):
            http.request("POST", f"/{database}/_bulk_docs", {"docs": docs})
        for leaf in "ab":
            rev = {"start": 2, "ids": [leaf * 32, "c" * 32]}
            conflict = {"_id": "conflict", "_rev": f"2-{leaf * 32}", "_revisions": rev}
            http.request("POST", "/db/_bulk_docs", {"docs": [conflict], "new_edits": False})
        http.request("PUT", "/db/_local/l", {"a": 1})
        for number in range(1, 4):
            status, answer = http.request("GET", f"/db/d{number}")
            assert status == 200
            attachment = {"content_type": "image/png", "data": "A" * 4 * 20_000 * number}
            http.request("PUT", f"/db/d{number}", {"_rev": answer["_rev"], "_attachments": {"a": attachment}})
        status, answer = http.request("GET", "/db/d9")
        http.request("POST", "/db/_purge", {"d9": [answer["_rev"]]})
        http.request("DELETE", "/gone")
        http.close()
    return data


def cases(data: Path, workspace: Path, seed: int, count: int, command: str) -> list[dict[str, Any]]:
    arguments = [str(data), str(workspace), str(seed), str(count), command]
    child = [sys.executable, "-m", "tests.crash.damage_child", *arguments]
    done = subprocess.run(child, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == count
    return found


def assert_told(case: dict[str, Any], statuses: tuple[int, ...]) -> None:
    assert case["status"] in statuses, case
    assert "Traceback" not in case["said"], case["said"]


def test_check_tells_damage(damaged: Path, tmp_path: Path) -> None:
    found = cases(damaged, tmp_path, 7, 40, "check")
    for case in found:
        assert_told(case, (0, 1))
        assert case["status"] == 0 or len(case["said"].splitlines()) > 1, case
    assert sum(case["status"] for case in found) > 5


def test_serve_tells_damage(damaged: Path, tmp_path: Path) -> None:
    for case in cases(damaged, tmp_path, 8, 8, "serve"):
        assert_told(case, (0, 1))
        if case["status"]:
            assert "is damaged" in case["said"].splitlines()[-1], case


@pytest.mark.long
@pytest.mark.parametrize("seed", range(LONG))
def test_damage_at_length(damaged: Path, tmp_path: Path, seed: int) -> None:
    for case in cases(damaged, tmp_path, 1000 + seed, 100, "check"):
        assert_told(case, (0, 1))
    for case in cases(damaged, tmp_path, 2000 + seed, 20, "serve"):
        assert_told(case, (0, 1))


@pytest.mark.parametrize("page", [0, 1])
def test_every_number_of_the_meta_pages(damaged: Path, tmp_path: Path, page: int) -> None:
    """Far too great, or not what it was: a finding, or a page that does not count, and never a store that is none."""
    file = copied(damaged, tmp_path) / DATA_FILE
    whole = file.read_bytes()
    for place in range(page * PAGE, page * PAGE + META_BYTES, 4):
        for byte, value in ((place + 1, whole[place + 1] ^ 255), (place + 3, whole[place + 3] ^ 127)):
            file.write_bytes(whole[:byte] + bytes((value,)) + whole[byte + 1 :])
            check_findings(file.parent)  # which fails for any other end of the command


def said_by(data: Path, *command: str) -> str:
    """The one line of a command that fails."""
    arguments = [sys.executable, "-m", "docstore", *command, "--data", str(data)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    [line] = done.stdout.splitlines() if command == ("check",) else done.stderr.splitlines()
    return line


async def refusal(data: Path) -> str:
    """Why a node does not start."""
    node = Node(Settings(data=data))
    with pytest.raises(StoreDamaged) as refused:
        await node.start()
    return refused.value.reason


def copied(damaged: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / DATA_FILE).write_bytes((damaged / DATA_FILE).read_bytes())
    return copy


def test_a_file_that_was_cut_off(damaged: Path, tmp_path: Path) -> None:
    copy = copied(damaged, tmp_path)
    os.truncate(copy / DATA_FILE, (copy / DATA_FILE).stat().st_size // 2)
    for command in (("check",), ("serve", "--port", "0"), ("compact",)):
        assert "it was cut off" in said_by(copy, *command)


@pytest.mark.parametrize(
    ("table", "key", "value", "words"),
    [
        (b"databases", b"db", b"\0", "databases"),
        (b"databases", b"\xff\xfe", b"", "databases"),
        (keys.META, keys.META_EPOCH, b"\1", "the row 'epoch' of meta"),
        (keys.META, keys.META_RUN, b"\xff" * 16, "the row 'run' of meta"),
        (keys.META, keys.META_SERVER_UUID, b"", "the row 'server_uuid' of meta"),
        (keys.META, keys.META_FORMAT_VERSION, b"\0", "the row 'format_version' of meta"),
        (keys.META, keys.META_EPOCH, None, "the row 'epoch' of meta"),
    ],
)
async def test_short_rows(
    damaged: Path, tmp_path: Path, table: bytes, key: bytes, value: bytes | None, words: str
) -> None:
    copy = copied(damaged, tmp_path)
    with lmdb.open(str(copy / DATA_FILE), subdir=False, max_dbs=64) as environment:
        handle = environment.open_db(table, create=False)
        with environment.begin(write=True) as transaction:
            if value is None:
                transaction.delete(key, db=handle)
            else:
                transaction.put(key, value, db=handle)
    assert any(words in finding for finding in await asyncio.to_thread(check_findings, copy))
    told = await refusal(copy)
    assert "is damaged" in told
    assert words in told or table == b"databases"


def test_one_bad_row_does_not_hide_what_else_is_wrong(damaged: Path, tmp_path: Path) -> None:
    """Every table with a row that makes no sense: every part of the check says something."""
    copy = copied(damaged, tmp_path)
    with lmdb.open(str(copy / DATA_FILE), subdir=False, max_dbs=64) as environment:
        for name in keys.TABLE_NAMES:
            if name in (keys.META, b"databases"):
                continue
            handle = environment.open_db(name, create=False)
            with environment.begin(write=True) as transaction:
                cursor = transaction.cursor(handle)
                if cursor.first():
                    transaction.put(cursor.key(), b"\xff", db=handle)
    found = check_findings(copy)
    assert sum("cannot be read" in finding for finding in found) > 5, found
