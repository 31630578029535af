"""``docstore check`` and ``docstore compact``, on stopped and on running stores."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from tests.cli.running import Said, run, serving

ELEMENTS = Path(__file__).parents[2] / "docs" / "quickstart" / "elements.json"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    return lambda *arguments: run(capsys, *arguments)


def load(command: Callable[..., Said], data: Path, *arguments: str) -> None:
    assert command("load", "elements", ELEMENTS, "--data", data, *arguments).status == 0


def test_check_is_silent_about_a_clean_store(command: Callable[..., Said], tmp_path: Path) -> None:
    load(command, tmp_path)
    said = command("check", "--data", tmp_path)
    assert (said.status, said.out) == (0, "")
    assert "clean" in said.err


def test_check_takes_tables_that_an_older_docstore_did_not_make_for_empty(
    command: Callable[..., Said], tmp_path: Path
) -> None:
    load(command, tmp_path)
    with lmdb.open(str(tmp_path / "docs.mdb"), subdir=False, max_dbs=64) as environment:
        for name in (b"replies", b"reply_order", b"reply_totals"):
            table = environment.open_db(name, create=False)
            with environment.begin(write=True) as transaction:
                transaction.drop(table)
    said = command("check", "--data", tmp_path)
    assert (said.status, said.out) == (0, "")


def test_check_reads_beside_a_running_server(command: Callable[..., Said], tmp_path: Path) -> None:
    load(command, tmp_path)
    with serving(tmp_path) as server:
        request = urllib.request.Request(f"{server.url}/films", method="PUT")
        urllib.request.urlopen(request).close()
        assert command("check", "--data", tmp_path).status == 0
        urllib.request.urlopen(f"{server.url}/elements/Hg").close()


def test_check_reads_the_bytes_of_attachments_unless_told_otherwise(
    command: Callable[..., Said], tmp_path: Path
) -> None:
    with serving(tmp_path) as server:
        for path in ("db", "db/d/a.bin"):
            urllib.request.urlopen(urllib.request.Request(f"{server.url}/{path}", b"bytes", method="PUT")).close()
    with lmdb.open(str(tmp_path / "docs.mdb"), subdir=False, max_dbs=64) as environment:
        blobs = environment.open_db(b"blobs", create=False)
        with environment.begin(write=True, db=blobs) as transaction, transaction.cursor() as cursor:
            assert cursor.first()
            assert cursor.value() == b"bytes"
            transaction.put(cursor.key(), b"bites")
    said = command("check", "--data", tmp_path)
    assert said.status == 1
    assert "its bytes have the sha256" in said.out
    assert command("check", "--data", tmp_path, "--skip-hashing").status == 0


def test_check_tells_each_finding_in_a_line(command: Callable[..., Said], tmp_path: Path) -> None:
    load(command, tmp_path)
    with lmdb.open(str(tmp_path / "docs.mdb"), subdir=False, max_dbs=64) as environment:
        bodies = environment.open_db(b"bodies", create=False)
        with environment.begin(write=True, db=bodies) as transaction, transaction.cursor() as cursor:
            for _ in range(2):
                assert cursor.first()
                assert cursor.delete()
    said = command("check", "--data", tmp_path)
    assert said.status == 1
    assert len(said.out.splitlines()) >= 2
    assert "findings" in said.err


def test_compact_makes_the_file_smaller_and_keeps_the_documents(command: Callable[..., Said], tmp_path: Path) -> None:
    load(command, tmp_path)
    for number in range(3):
        rows = json.loads(ELEMENTS.read_text())
        changed = tmp_path / "changed.json"
        changed.write_text(json.dumps([{**row, "edit": number, "filler": "x" * 2000} for row in rows]))
        said = command("load", "elements", changed, "--data", tmp_path, "--update")
        assert said.status == 0
    file = tmp_path / "docs.mdb"
    before = file.stat().st_size
    said = command("compact", "--data", tmp_path)
    assert (said.status, said.err) == (0, "")
    assert file.stat().st_size < before / 2
    assert command("check", "--data", tmp_path).status == 0
    assert command("load", "elements", changed, "--data", tmp_path).out.endswith("0 written, 118 unchanged\n")


def test_compact_refuses_a_folder_that_a_server_has(command: Callable[..., Said], tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        said = command("compact", "--data", tmp_path)
        assert said.status == 1
        assert server.url in said.err
        assert said.err.count("\n") == 1
        urllib.request.urlopen(server.url).close()


def test_repair_makes_anew_what_follows_from_documents(command: Callable[..., Said], tmp_path: Path) -> None:
    load(command, tmp_path)
    with lmdb.open(str(tmp_path / "docs.mdb"), subdir=False, max_dbs=64) as environment:
        for name in (b"doc_counts", b"seq_counts"):
            table = environment.open_db(name, create=False)
            with environment.begin(write=True) as transaction:
                transaction.drop(table, delete=False)
    assert command("check", "--data", tmp_path).status == 1
    said = command("check", "--repair", "--data", tmp_path)
    assert said.status == 0
    assert all(line.startswith("repaired: elements: ") for line in said.out.splitlines())
    assert "clean" in said.err
    said = command("check", "--repair", "--data", tmp_path)
    assert (said.status, said.out) == (0, "")


def test_repair_is_not_done_below_a_running_server(command: Callable[..., Said], tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        said = command("check", "--repair", "--data", tmp_path)
        assert said.status == 1
        assert server.url in said.err


def test_repair_leaves_a_file_with_damaged_pages_alone(command: Callable[..., Said], tmp_path: Path) -> None:
    load(command, tmp_path)
    data = tmp_path / "docs.mdb"
    with data.open("r+b") as file:
        file.truncate(data.stat().st_size // 2)
    before = data.read_bytes()
    assert command("check", "--repair", "--data", tmp_path).status == 1
    assert data.read_bytes() == before
