"""One process at a time holds a data folder, and the refused one learns who."""

import subprocess
import sys
from pathlib import Path

import pytest

from docstore.storage.engine.folder_lock import FolderInUse, FolderLock


def test_the_second_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with FolderLock(tmp_path, "docstore load (process 12)") as lock:
        with pytest.raises(FolderInUse, match=r"in use by docstore load \(process 12\)") as refused:
            FolderLock(tmp_path, "x")
        assert refused.value.url is None
        lock.announce("http://127.0.0.1:1")
        with pytest.raises(FolderInUse) as refused:
            FolderLock(tmp_path, "x")
        assert refused.value.url == "http://127.0.0.1:1"


def test_released_it_is_free(tmp_path: Path) -> None:
    FolderLock(tmp_path, "first").release()
    with FolderLock(tmp_path, "second"), pytest.raises(FolderInUse, match="second"):
        FolderLock(tmp_path, "third")


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "a" / "b", "x"):
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700  # nobody else reads what will be in it


def test_another_process_is_refused_and_a_dead_holder_does_not_matter(tmp_path: Path) -> None:
    hold = (
        "import sys, pathlib; from docstore.storage.engine.folder_lock import FolderLock;"
        f"FolderLock(pathlib.Path({str(tmp_path)!r}), 'http://other'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUse, match="http://other"):
            FolderLock(tmp_path, "x")
        other.kill()
    FolderLock(tmp_path, "x").release()
