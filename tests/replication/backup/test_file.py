"""The file of a backup: what is written is found again, and what was damaged is noticed."""

import os
from collections.abc import Callable
from contextlib import suppress
from errno import EIO, ENOSPC
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.replication.backup.file import (
    PART_BYTES,
    AttachmentHead,
    BackupWriter,
    BadBackup,
    read_docs,
    read_part,
    verify,
)

HEAD = AttachmentHead("a.txt", "text/plain", 1, "md5-XrY7u+Ae7tCTyyK7j1rNww==", 11, "gzip", 31)


def doc(doc_id: str) -> bytes:
    return f'{{"_id":"{doc_id}","_rev":"1-a","v":"\u2028"}}'.encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.backup"


def write(path: Path, *, end: bool = True) -> None:
    with BackupWriter.create(path, "shop") as writer:
        writer.doc(doc("a"))
        writer.checkpoint("1-x")
        writer.doc(doc("b"))
        writer.attachment(HEAD)
        writer.part(b"hello ")
        writer.part(b"world")
        if end:
            writer.end("2-x")


def test_what_is_written_is_found(path: Path) -> None:
    write(path)
    contents = verify(path)
    assert (contents.database, contents.docs, contents.seq, contents.complete) == ("shop", 2, "2-x", True)
    first, second = read_docs(path, contents)
    assert (first.doc_id, first.rev, first.deleted, first.text, first.attachments) == ("a", "1-a", False, doc("a"), [])
    [attachment] = second.attachments
    assert attachment.head == HEAD
    assert b"".join(read_part(path, place) for place in attachment.parts) == b"hello world"


def test_a_file_whose_writer_was_killed_at_once_is_begun_anew(path: Path) -> None:
    write(path)
    header = path.read_bytes().splitlines(keepends=True)[0]
    for length in (0, 1, len(header) - 1, len(header)):
        path.write_bytes(header[:length])
        with BackupWriter.resume(path, "shop") as writer:
            writer.doc(doc("a"))
            writer.end(1)
        assert verify(path).docs == 1
    path.write_bytes(b"mine")
    with pytest.raises(BadBackup, match="is not a backup"):
        BackupWriter.resume(path, "shop")


def test_the_first_line_is_in_the_file_at_once(path: Path) -> None:
    with BackupWriter.create(path, "shop"):
        assert verify(path).database == "shop"


def test_a_document_that_nests_too_deeply_is_told(path: Path) -> None:
    with BackupWriter.create(path, "shop") as writer:
        writer.doc(b'{"_id":"a","_rev":"1-a","v":%b%b}' % (b"[" * 100_000, b"]" * 100_000))
        writer.end(1)
    with pytest.raises(BadBackup, match="recursion"):
        list(read_docs(path, verify(path)))


def test_a_large_part_is_one_line(path: Path) -> None:
    data = bytes(range(256)) * (PART_BYTES // 256)
    with BackupWriter.create(path, "shop") as writer:
        writer.doc(doc("a"))
        writer.attachment(HEAD)
        writer.part(data)
        writer.end(1)
    [found] = read_docs(path, verify(path))
    assert read_part(path, found.attachments[0].parts[0]) == data


def test_a_file_that_is_there_is_left_alone(path: Path) -> None:
    write(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        BackupWriter.create(path, "shop")
    assert path.read_bytes() == before


def test_an_interrupted_file_goes_on_behind_its_last_mark(path: Path) -> None:
    write(path, end=False)
    assert not verify(path).complete
    with BackupWriter.resume(path, "shop") as writer:
        assert (writer.docs, writer.seq) == (1, "1-x")
        writer.doc(doc("c"))
        writer.end("3-x")
    contents = verify(path)
    assert contents.complete
    assert [found.doc_id for found in read_docs(path, contents)] == ["a", "c"]


def test_a_complete_file_goes_on_too(path: Path) -> None:
    write(path)
    with BackupWriter.resume(path, "shop") as writer:
        writer.doc(doc("c"))
    assert not verify(path).complete
    with BackupWriter.resume(path, "shop") as writer:
        assert writer.docs == 2
        writer.end("2-x")
    assert [found.doc_id for found in read_docs(path, verify(path))] == ["a", "b"]


def test_it_does_not_go_on_with_another_database(path: Path) -> None:
    write(path)
    with pytest.raises(BadBackup, match="backup of shop, not of store"):
        BackupWriter.resume(path, "store")


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"no JSON\n", b"\xff\xfe", b'{"docstore_backup":"1","database":"a"}\n']
)
def test_other_files_are_no_backups(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(BadBackup, match="not a backup"):
        verify(path)


def test_a_format_of_the_future(path: Path) -> None:
    path.write_bytes(b'{"docstore_backup":2,"database":"a"}\n')
    with pytest.raises(BadBackup, match="format 2"):
        verify(path)


def test_lines_of_the_future_are_passed_over(path: Path) -> None:
    with BackupWriter.create(path, "shop") as writer:
        writer._line(b'{"security":{}}')
        writer.doc(doc("a"))
        writer.end(1)
    assert [found.doc_id for found in read_docs(path, verify(path))] == ["a"]


@given(place=st.integers(min_value=0), value=st.integers(min_value=0, max_value=255))
def test_any_damage_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: int, value: int) -> None:
    """Any byte that is another one: the file is refused, or what is whole of it ends before that byte."""
    path = tmp_path_factory.mktemp("damaged") / "shop.backup"
    write(path)
    before = path.read_bytes()
    place %= len(before)
    if before[place] == value:
        return
    path.write_bytes(before[:place] + bytes([value]) + before[place + 1 :])
    try:
        contents = verify(path)
    except BadBackup:
        return
    assert not contents.complete
    assert contents.size <= place


@given(size=st.integers(min_value=0))
def test_a_file_that_is_cut_is_not_complete(tmp_path_factory: pytest.TempPathFactory, size: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "shop.backup"
    write(path)
    before = path.read_bytes()
    path.write_bytes(before[: size % len(before)])
    try:
        assert not verify(path).complete
    except BadBackup:
        assert size % len(before) < before.index(b"\n") + 1


class FullAfter:
    """A file on a disk that has room for so many bytes, and for more later on."""

    def __init__(self, file: BinaryIO, room: int) -> None:
        self._file = file
        self._room = room
        self._refused = False
        self.name = file.name

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0 and not self._refused:
            self._refused = True
            self._file.write(data[: len(data) // 2])
            raise OSError(ENOSPC, "No space left on device")
        return self._file.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


@pytest.mark.parametrize("room", range(0, 400, 7))
def test_nothing_is_written_behind_what_the_disk_refused(path: Path, room: int) -> None:
    """Wherever the disk is full: the file ends behind the last mark, however stubborn the caller is."""
    steps: list[Callable[[BackupWriter], None]] = [
        lambda writer: writer.doc(doc("a")),
        lambda writer: writer.checkpoint("1-x"),
        lambda writer: writer.doc(doc("b")),
        lambda writer: writer.attachment(HEAD),
        lambda writer: writer.part(b"hello "),
        lambda writer: writer.part(b"world"),
        lambda writer: writer.end("2-x"),
    ]
    with BackupWriter.create(path, "shop") as writer:
        writer._file = FullAfter(writer._file, room)
        refused = 0
        for step in steps:
            with suppress(OSError):
                step(writer)
                continue
            refused += 1
        complete = not refused
    with BackupWriter.resume(path, "shop") as writer:
        assert path.stat().st_size == 0 or not refused or verify(path).docs == writer.docs
        assert writer.docs == (2 if complete else 1 if refused < len(steps) - 1 else 0)
    if complete:
        assert verify(path).complete


def test_a_mark_whose_sync_failed_is_cut_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file may read as whole from memory, and not be so on the disk."""
    sync = os.fsync

    def fail(descriptor: int) -> None:
        if verify(path).seq == "2-x":
            raise OSError(EIO, "broken")
        sync(descriptor)

    def save() -> None:
        with BackupWriter.create(path, "shop") as writer:
            writer.doc(doc("a"))
            writer.checkpoint("1-x")
            writer.doc(doc("b"))
            writer.checkpoint("2-x")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="broken"):
        save()
    assert verify(path).seq == "1-x"
    assert path.read_bytes().endswith(b"}}\n")
