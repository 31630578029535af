"""``docstore backup`` and ``docstore restore``, over HTTP and in a folder."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docstore.replication.backup import backup as backup_loop
from docstore.testing import TestNode, run_node_in_thread
from tests.cli.replicas import Database
from tests.cli.running import PROGRAM, Said, run


@pytest.fixture
def server() -> Iterator[TestNode]:
    with run_node_in_thread() as running:
        yield running


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    return lambda *arguments: run(capsys, *arguments)


@pytest.fixture
def source(server: TestNode) -> Database:
    database = Database(f"{server.url}/source")
    database.fill()
    return database


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "source.backup"


def test_over_http_all_comes_back(server: TestNode, source: Database, command: Callable[..., Said], file: Path) -> None:
    said = command("backup", source.url, file)
    assert (said.status, said.err) == (0, "")
    assert said.out == f"{file}: 32 revisions and 3 attachments saved, 32 in the file\n"
    restored = Database(f"{server.url}/restored")
    said = command("restore", file, restored.url)
    assert (said.status, said.out, said.err) == (0, "32 revisions restored, 0 were there\n", "")
    assert restored.contents() == source.contents()
    assert command("restore", file, restored.url).out == "0 revisions restored, 32 were there\n"


def test_by_way_of_a_folder(
    server: TestNode, source: Database, command: Callable[..., Said], file: Path, tmp_path: Path
) -> None:
    command("backup", source.url, file)
    data = tmp_path / "data"
    assert command("restore", file, "shop", "--data", data).out == "32 revisions restored, 0 were there\n"
    again = tmp_path / "again.backup"
    said = command("backup", "shop", again, "--data", data)
    assert said.out == f"{again}: 32 revisions and 3 attachments saved, 32 in the file\n"
    back = Database(f"{server.url}/back")
    assert command("restore", again, back.url).status == 0
    assert back.contents() == source.contents()


def test_a_file_that_is_there_stays(source: Database, command: Callable[..., Said], file: Path) -> None:
    file.write_text("mine")
    said = command("backup", source.url, file)
    assert (said.status, file.read_text()) == (1, "mine")
    assert "--resume goes on with it, --overwrite replaces it" in said.err
    assert command("backup", source.url, file, "--resume").status == 1
    assert file.read_text() == "mine"
    assert command("backup", source.url, file, "--resume", "--overwrite").status == 2
    assert command("backup", f"{source.url}/nowhere", file, "--overwrite").status == 1
    assert file.read_text() == "mine"
    assert command("backup", source.url, file, "--overwrite").status == 0


def test_a_backup_goes_on_with_what_is_new(
    server: TestNode, source: Database, command: Callable[..., Said], file: Path
) -> None:
    command("backup", source.url, file)
    source.ask("PUT", "/new", {"number": 1})
    said = command("backup", source.url, file, "--resume")
    assert said.out == f"{file}: 1 revisions and 0 attachments saved, 33 in the file\n"
    restored = Database(f"{server.url}/restored")
    assert command("restore", file, restored.url).status == 0
    assert restored.contents() == source.contents()


def test_an_interrupted_backup_goes_on(
    server: TestNode,
    source: Database,
    command: Callable[..., Said],
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The source fails in the second of its batches: the first one is kept, and only with --incomplete restored."""
    monkeypatch.setattr(backup_loop, "BATCH_DOCS", 10)
    save_batch, batches = backup_loop._save_batch, 0

    async def fail(*arguments: object) -> None:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise OSError("no route to the source")
        await save_batch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(backup_loop, "_save_batch", fail)
    said = command("backup", source.url, file)
    assert (said.status, said.err) == (1, f"docstore: no route to the source; --resume goes on with {file}\n")
    part, whole = Database(f"{server.url}/part"), Database(f"{server.url}/whole")
    said = command("restore", file, part.url)
    assert said.status == 1
    assert "is not complete: the backup was interrupted; --incomplete restores what is there" in said.err
    assert not part.exists()
    assert command("restore", file, part.url, "--incomplete").status == 0
    assert 0 < part.ask("GET")["doc_count"] < source.ask("GET")["doc_count"]
    monkeypatch.undo()
    assert command("backup", source.url, file, "--resume").status == 0
    assert command("restore", file, whole.url).status == 0
    assert whole.contents() == source.contents()


def test_a_damaged_file_changes_nothing(
    server: TestNode, source: Database, command: Callable[..., Said], file: Path
) -> None:
    command("backup", source.url, file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    target = Database(f"{server.url}/target")
    said = command("restore", file, target.url)
    assert said.status == 1
    assert "was changed or damaged before byte" in said.err
    assert not target.exists()


def test_a_folder_that_is_not_there_is_not_made(command: Callable[..., Said], file: Path, tmp_path: Path) -> None:
    said = command("backup", "shop", file, "--data", tmp_path / "typo")
    assert (said.status, said.err) == (1, f"docstore: {tmp_path / 'typo'} is no data folder\n")
    assert not file.exists()
    assert not (tmp_path / "typo").exists()


def test_a_full_disk_is_told_and_the_backup_goes_on(
    server: TestNode, source: Database, command: Callable[..., Said], file: Path
) -> None:
    arguments = ["backup", source.url, str(file)]
    limited = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", str(PROGRAM), *arguments]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"docstore: [Errno 27] File too large; --resume goes on with {file}\n"
    assert command(*arguments, "--resume").status == 0
    restored = Database(f"{server.url}/restored")
    assert command("restore", file, restored.url).status == 0
    assert restored.contents() == source.contents()


def test_what_the_target_refuses_is_told(source: Database, command: Callable[..., Said], file: Path) -> None:
    from docstore.settings import Limits

    command("backup", source.url, file)
    with run_node_in_thread(limits=Limits(max_document_size=20)) as strict:
        said = command("restore", file, f"{strict.url}/target")
    assert said.status == 1
    assert "document_too_large" in said.err
    assert "refused" in said.out


@pytest.mark.parametrize("folder", [False, True])
def test_a_partitioned_database_comes_back_as_one(
    server: TestNode, command: Callable[..., Said], file: Path, tmp_path: Path, folder: bool
) -> None:
    source = Database(f"{server.url}/parted")
    source.ask("PUT", "?partitioned=true")
    source.ask("PUT", "/p:1", {})
    file.write_bytes(b'{"docstore_ba')  # begun, and cut off within its first line
    command("backup", source.url, file, "--resume")
    restored = Database(f"{server.url}/restored")
    if folder:
        data = tmp_path / "data"
        command("restore", file, "restored", "--data", data)
        command("backup", "restored", file, "--data", data, "--overwrite")
    assert command("restore", file, restored.url).status == 0
    assert restored.ask("GET")["props"] == {"partitioned": True}
    assert restored.ask("GET", "/_partition/p")["doc_count"] == 1
