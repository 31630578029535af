import asyncio
import errno
from dataclasses import replace
from pathlib import Path

import pytest

from docstore.core.json_text import JsonValue
from docstore.core.lucene.nodes import Everything
from docstore.errors import StorageFailed, StorageFull
from docstore.query.search.analyzers import analyzers_of
from docstore.query.search.answering import answer
from docstore.query.search.asked import Question
from docstore.query.search.damage import META
from docstore.query.search.entries import Entry, Field, entry_of
from docstore.query.search.folder import (
    ColumnsTaken,
    Folder,
    NotNow,
    Unusable,
    make_folder,
    open_folder,
    told,
    was_cut_short,
)
from docstore.settings import SearchSettings

ANALYZERS = analyzers_of("standard")
LIMITS = SearchSettings(writer_memory=15_000_000, max_facets=4)


def entries(*names: str) -> list[Entry]:
    options: dict[str, JsonValue] = {"facet": True}
    found = (entry_of(name, [Field(f"f{name}", name, options)], ANALYZERS, 10, partitioned=False) for name in names)
    return [one for one, _ in found if one is not None]


def write(folder: Folder, *names: str, most_columns: int = 8) -> None:
    folder.write(entries(*names), [], replace(LIMITS, max_columns=most_columns), fresh=False)


def ids(folder: Folder) -> list[str]:
    return [row.id for row in answer(folder, ANALYZERS, Question(Everything(), 100), LIMITS).rows]


def test_what_was_not_committed_is_not_there(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "i", 7, 8)
    write(folder, "a", "b")
    folder.commit(2, 1)
    write(folder, "c")  # and then the process is killed
    del folder
    again = open_folder(tmp_path / "i", 7)
    assert again is not None
    assert ids(again) == ["a", "b"]
    assert (again.state.seq, again.state.purge_seq, again.state.strings) == (2, 1, ["fa", "fb"])
    write(again, "b", "c")  # so it is written again
    again.commit(3, 1)
    assert ids(again) == ["a", "b", "c"]


def test_what_fails_leaves_the_last_commit(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "i", 7, 2)
    write(folder, "a")
    folder.commit(1, 0)
    with pytest.raises(ColumnsTaken):
        write(folder, "b", "c")
    assert folder.state.strings == ["fa"]
    assert folder.string_column("fb") is None
    write(folder, "d", "e", "f", most_columns=2)  # where there can be no more, a field goes without
    folder.commit(2, 0)
    assert ids(folder) == ["a", "d", "e", "f"]
    assert (folder.string_column("fd"), folder.string_column("fe")) == ("s1", None)


def test_names_of_fields_do_not_grow_without_bound(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "i", 7, 2)
    write(folder, *"abcdefgh", most_columns=2)
    folder.commit(1, 0)
    assert (folder.state.strings, folder.state.facets) == (["fa", "fb"], ["fa", "fb", "fc", "fd"])
    write(folder, "a", "e", most_columns=2)
    folder.commit(2, 0)
    assert (len(ids(folder)), len(folder.state.facets)) == (8, 4)


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "i"
    assert open_folder(path, 7) is None
    folder = make_folder(path, 7, 8)
    assert open_folder(path, 7) is None  # before its first commit it shows nothing
    write(folder, "a")
    folder.commit(1, 0)
    folder.close()
    assert open_folder(path, 8) is None  # of another epoch of the store
    assert open_folder(path, 7) is not None
    for file in list(path.iterdir()):
        if file.suffix:
            file.unlink()  # a thread of tantivy's may still have the old one mapped; its end must not be taken from it
            file.write_bytes(b"\x00" * 8)
    assert open_folder(path, 7) is None
    assert ids(make_folder(path, 7, 8)) == []


def test_a_commit_that_cannot_be_shown_is_kept(tmp_path: Path) -> None:
    """Else what it holds would be written once more beside it."""

    class OutOfFiles:
        def reload(self) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

    folder = make_folder(tmp_path / "i", 7, 8)
    write(folder, "a")
    index = folder._index
    folder._index = OutOfFiles()  # type: ignore[assignment]
    with pytest.raises(NotNow):
        folder.commit(1, 0)
    folder._index = index
    assert folder.state.seq == 1
    write(folder, "b")  # by another writer, since the first one has given up its lock
    folder.commit(2, 0)
    assert ids(folder) == ["a", "b"]


def test_an_index_is_not_dropped_for_want_of_handles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "i"
    folder = make_folder(path, 7, 8)
    write(folder, "a")
    folder.commit(1, 0)
    folder.close()
    with monkeypatch.context() as without:
        without.setattr("tantivy.Index.open", _refuse)
        with pytest.raises(NotNow, match="Too many open files"):
            open_folder(path, 7)
    again = open_folder(path, 7)
    assert again is not None
    assert ids(again) == ["a"]


def _refuse(path: str) -> None:
    raise ValueError(f"An IO error occurred: 'Too many open files (os error 24) at path \"{path}/meta.json\"'")


@pytest.mark.parametrize(
    ("error", "told_as"),
    [
        (ValueError("An IO error occurred: 'No space left on device (os error 28) at path \"/data/x\"'"), StorageFull),
        (ValueError("Failed to open file for write: Os { code: 27, kind: FileTooLarge }"), StorageFull),
        (ValueError("Read-only file system (os error 30)"), StorageFull),
        (OSError(errno.EDQUOT, "Quota exceeded"), StorageFull),
        (ValueError("An IO error occurred: 'Input/output error (os error 5) at path \"/data/x\"'"), StorageFailed),
        (ValueError('No such file at path "/data/x"'), StorageFailed),
    ],
)
def test_errors_in_words(error: Exception, told_as: type[StorageFull | StorageFailed]) -> None:
    with pytest.raises(told_as) as seen, told():
        raise error
    assert "/data" not in seen.value.reason


class PanicException(BaseException):
    """As that of tantivy's is, which nobody can import."""


@pytest.mark.parametrize(
    ("panic", "told_as"),
    [
        ("assertion failed: start <= orig_range.end", Unusable),
        ('called `Result::unwrap()` on an `Err` value: Os { code: 28, kind: StorageFull, message: "x" }', StorageFull),
    ],
)
def test_a_panic_is_an_error_of_the_store(panic: str, told_as: type[Exception]) -> None:
    with pytest.raises(told_as), told():
        raise PanicException(panic)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit, ColumnsTaken])
def test_what_is_not_of_tantivy_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), told():
        raise error


def test_a_panic_of_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searching, writing, committing, giving up and closing."""
    folder = make_folder(tmp_path / "i", 7, 8)
    write(folder, "a")
    folder.commit(1, 0)

    class Panics:
        def __getattr__(self, name: str) -> object:
            return _panic

    folder._index = Panics()  # type: ignore[assignment]
    with pytest.raises(Unusable):
        folder.searcher()
    folder._writer = None
    with pytest.raises(Unusable):
        write(folder, "b")
    for ends in (folder.forget, folder.close):
        folder._writer = Panics()  # type: ignore[assignment]
        ends()
        assert folder._writer is None
    folder._writer = Panics()  # type: ignore[assignment]
    with pytest.raises(Unusable):
        folder.commit(2, 0)
    monkeypatch.setattr("tantivy.Index.open", _panic)
    assert open_folder(folder.path, 7) is None


def _panic(*_: object) -> None:
    raise PanicException("here")


def test_a_folder_with_other_fields_is_not_used(tmp_path: Path) -> None:
    """Else it would be opened, and nothing could be written."""
    folder = make_folder(tmp_path / "i", 7, 8)
    write(folder, "a")
    folder.commit(1, 0)
    folder.close()
    meta = folder.path / META
    text = meta.read_text()
    meta.unlink()
    meta.write_text("rav".join(text.rsplit("raw", 1)))
    assert open_folder(folder.path, 7) is None


def test_whether_a_process_has_ended_while_it_wrote(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "i", 7, 8)
    assert not was_cut_short(folder.path)
    for ends in (folder.close, folder.forget):
        write(folder, "a")
        folder.commit(1, 0)
        assert was_cut_short(folder.path)
        ends()
        assert not was_cut_short(folder.path)


@pytest.mark.parametrize("step", ["write", "commit"])
def test_a_writer_that_has_ended_tells_why(tmp_path: Path, step: str) -> None:
    """The thread that writes ends with its first error; whoever comes next hears that, and the commit hears why."""

    class Ended:
        def delete_documents_by_term(self, field: str, term: str) -> None:
            pass

        def add_document(self, document: object) -> None:
            raise ValueError("An error occurred in a thread: 'An index writer was killed.. A worker thread'")

        def commit(self) -> None:
            raise ValueError("An IO error occurred: 'No space left on device (os error 28)'")

        rollback = wait_merging_threads = lambda self: None

    folder = make_folder(tmp_path / "i", 7, 8)
    write(folder, "a")
    folder.commit(1, 0)
    if step == "commit":
        write(folder, "b")
    folder._writer = Ended()  # type: ignore[assignment]
    with pytest.raises(StorageFull):
        write(folder, "b") if step == "write" else folder.commit(2, 0)
    assert folder.state.seq == 1
    write(folder, "c")
    folder.commit(2, 0)
    assert ids(folder) == ["a", "c"]
