"""The file of a backup: JSON lines that can be verified, and written on after an interruption.

    {"docstore_backup":1,"database":"shop"}                              and "partitioned":true, if it is
    {"doc":{"_id":"a","_rev":"2-...","_revisions":{...},...}}            every leaf, deleted ones too
    {"attachment":{"name":"x.png","content_type":"image/png",...}}       of the document before it, if its bytes do not
    {"part":"aGVsbG8="}                                                  stand in the text: as they are stored, in parts
    {"checkpoint":{"seq":"7-...","docs":500,"sha256":"..."}}             all lines up to here are whole
    {"end":{"seq":"9-...","docs":612,"sha256":"..."}}                    the backup is complete

``sha256`` is the digest of all bytes of the file that stand before it, ``seq`` where the source's changes feed goes on,
``docs`` counts documents so far. A backup that goes on cuts off what stands behind the last of these marks. Lines of
other members are passed over, so that a later version can say more.

Owns the format. It must not know peers; ``backup.py`` moves documents between these files and peers.
"""

import hashlib
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self

import msgspec

from docstore.core.attachment import Encoding
from docstore.core.json_text import JsonValue, encode
from docstore.errors import DocstoreError

VERSION: Final = 1
PART_BYTES: Final = 768 * 1024
"""Bytes of an attachment in one line, a multiple of three: base64 makes a MiB of them."""

_MARKS: Final = (b'{"checkpoint":', b'{"end":')
_END: Final = b'{"end":'
_DOC: Final = b'{"doc":'
_DIGEST: Final = b',"sha256":"'
_AFTER_DIGEST: Final = b'"}}\n'
_READ_PIECE: Final = 1024 * 1024
_LONGEST_HEADER: Final = 4096
_NAME_AT: Final = len(b'{"docstore_backup":1,"database":"')


class BadBackup(DocstoreError):
    """A file that is no backup, or not the one that was written. Nothing of it has been restored."""

    error = "bad_backup"
    default_reason = "The file is not a backup."


class AttachmentHead(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of an attachment whose bytes follow. ``digest`` is that of the bytes as they are stored."""

    name: str
    content_type: str
    revpos: int
    digest: str
    length: int
    encoding: Encoding = None
    encoded_length: int | None = None


class Mark(msgspec.Struct, frozen=True):
    """A place up to which the file is whole."""

    seq: msgspec.Raw
    docs: int


class _Header(msgspec.Struct, frozen=True):
    docstore_backup: int
    database: str
    partitioned: bool = False


class _MarkLine(msgspec.Struct, frozen=True):
    checkpoint: Mark | None = None
    end: Mark | None = None


class _DocHead(msgspec.Struct, frozen=True, rename={"doc_id": "_id", "rev": "_rev", "deleted": "_deleted"}):
    doc_id: str
    rev: str
    deleted: bool = False


_NO_TEXT: Final = msgspec.Raw()


class _Line(msgspec.Struct, frozen=True):
    doc: msgspec.Raw = _NO_TEXT
    attachment: AttachmentHead | None = None
    part: str | None = None


_read_header = msgspec.json.Decoder(_Header)
_read_mark = msgspec.json.Decoder(_MarkLine)
_read_line = msgspec.json.Decoder(_Line)
_read_doc_head = msgspec.json.Decoder(_DocHead)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a verified file holds up to its last mark.

    ``size``: bytes up to there. ``complete``: that mark is the end of the backup and of the file.
    """

    database: str
    docs: int
    seq: JsonValue
    size: int
    complete: bool
    partitioned: bool = False


class StoredAttachment(NamedTuple):
    """An attachment in a file: where the lines of its parts begin."""

    head: AttachmentHead
    parts: list[int]


@dataclass(frozen=True, slots=True)
class StoredDoc:
    """A document in a file."""

    doc_id: str
    rev: str
    deleted: bool
    text: bytes
    attachments: list[StoredAttachment] = field(default_factory=list)


class Whole(NamedTuple):
    """What is whole of a file, and the digest up to there."""

    contents: Contents
    digest: "hashlib._Hash"


class Place(NamedTuple):
    """A place in a file that is being written."""

    size: int
    digest: "hashlib._Hash"
    docs: int


class BackupWriter:
    """Writes a file. ``with BackupWriter.create(path, database) as writer``; what is behind the last mark is lost.

    After an OSError nothing is written any more, and the file is cut off behind the last mark that is on the disk.
    """

    def __init__(self, file: BinaryIO, contents: Contents, digest: "hashlib._Hash") -> None:
        self.docs = contents.docs
        self.seq = contents.seq
        self._file = file
        self._digest = digest
        self._on_disk = contents.size
        self._failure: OSError | None = None

    @classmethod
    def create(cls, path: Path, database: str, *, partitioned: bool = False, overwrite: bool = False) -> Self:
        """A new file. Raises FileExistsError."""
        writer = cls(path.open("wb" if overwrite else "xb"), Contents(database, 0, 0, 0, False), hashlib.sha256())
        writer._write(_header_line(database, partitioned=partitioned))
        writer._file.flush()
        return writer

    @classmethod
    def resume(cls, path: Path, database: str, whole: "Whole | None" = None, *, partitioned: bool = False) -> Self:
        """Go on behind the last mark, ``whole`` if that was looked for already.

        Raises BadBackup for a file that is damaged or of another database.
        """
        found = whole or find_whole(path)
        if found is None:
            return cls.create(path, database, partitioned=partitioned, overwrite=True)
        contents, digest = found
        if contents.database != database:
            raise BadBackup(f"{path} is a backup of {contents.database}, not of {database}.")
        file = path.open("r+b")
        file.truncate(contents.size)
        file.seek(contents.size)
        return cls(file, contents, digest)

    def place(self) -> Place:
        """Where the file is, for ``take_back``."""
        with self._failing_once():
            return Place(self._file.tell(), self._digest.copy(), self.docs)

    def take_back(self, place: Place) -> None:
        """Forget what was written behind this place; no mark may have been among it."""
        with self._failing_once():
            self._file.seek(place.size)
            self._file.truncate()
        self._digest = place.digest
        self.docs = place.docs

    def doc(self, text: bytes) -> None:
        """A document; its attachments come next."""
        self._line(b"%b%b}" % (_DOC, text))
        self.docs += 1

    def attachment(self, head: AttachmentHead) -> None:
        """The next attachment of the document; its parts come next."""
        self._line(b'{"attachment":%b}' % msgspec.json.encode(head))

    def part(self, data: bytes) -> None:
        """The next bytes of the attachment, at most PART_BYTES."""
        self._line(b'{"part":"%b"}' % b64encode(data))

    def checkpoint(self, seq: JsonValue) -> None:
        """Everything up to ``seq`` is in the file, and on the disk."""
        self._mark("checkpoint", seq)

    def end(self, seq: JsonValue) -> None:
        """The backup is complete."""
        self._mark("end", seq)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as failure:
            self._failure = self._failure or failure
            if kind is None:
                raise
        finally:
            if self._failure is not None:
                with suppress(OSError):
                    os.truncate(self._file.name, self._on_disk)

    def _mark(self, kind: str, seq: JsonValue) -> None:
        self.seq = seq
        self._write(b'{"%b":{"seq":%b,"docs":%d%b' % (kind.encode(), encode(seq), self.docs, _DIGEST))
        self._write(self._digest.hexdigest().encode() + _AFTER_DIGEST)
        with self._failing_once():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._on_disk = self._file.tell()

    def _line(self, text: bytes) -> None:
        self._write(text)
        self._write(b"\n")

    def _write(self, text: bytes) -> None:
        with self._failing_once():
            self._digest.update(text)
            self._file.write(text)

    @contextmanager
    def _failing_once(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except OSError as failure:
            self._failure = failure
            raise


def verify(path: Path) -> Contents:
    """Read the whole file and compare its digests. Raises BadBackup, OSError."""
    return _verify(path)[0]


def read_docs(path: Path, contents: Contents) -> Iterator[StoredDoc]:
    """The documents of a verified file, in its order; the bytes of attachments stay where they are."""
    current: StoredDoc | None = None
    with path.open("rb") as file:
        place = 0
        while place < contents.size:
            raw = file.readline()
            if raw.startswith(b'{"part":'):
                if current is None or not current.attachments:
                    raise BadBackup(f"{path}: bytes at {place} that belong to no attachment.")
                current.attachments[-1].parts.append(place)
            elif raw.startswith((_DOC, b'{"attachment":')):
                line = _decoded(path, raw)
                if line.attachment is not None and current is not None:
                    current.attachments.append(StoredAttachment(line.attachment, []))
                elif text := bytes(line.doc):
                    if current is not None:
                        yield current
                    current = _stored(path, text)
            place += len(raw)
    if current is not None:
        yield current


def read_part(path: Path, place: int) -> bytes:
    """The bytes of the part whose line begins at ``place``."""
    with path.open("rb") as file:
        file.seek(place)
        text = _decoded(path, file.readline()).part
    if text is None:
        raise BadBackup(f"{path} changed while it was read.")
    return b64decode(text)


def find_whole(path: Path) -> Whole | None:
    """What a backup that is to go on has, None if its writer was ended within the first line.

    Reads the whole file. Raises BadBackup, OSError.
    """
    if path.stat().st_size < _LONGEST_HEADER:
        found, begin = path.read_bytes(), _header_line("")[:_NAME_AT]
        if b"\n" not in found and (begin.startswith(found) or found.startswith(begin)):
            return None
    return _verify(path)


def _header_line(database: str, *, partitioned: bool = False) -> bytes:
    members: dict[str, JsonValue] = {"docstore_backup": VERSION, "database": database}
    if partitioned:
        members["partitioned"] = True
    return encode(members) + b"\n"


def _decoded(path: Path, raw: bytes) -> _Line:
    try:
        return _read_line.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBackup(f"{path}: {error}") from None


def _stored(path: Path, text: bytes) -> StoredDoc:
    try:
        head = _read_doc_head.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBackup(f"{path}: {error}") from None
    return StoredDoc(head.doc_id, head.rev, head.deleted, text)


def _verify(path: Path) -> Whole:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        first = file.readline(_READ_PIECE)
        try:
            header = _read_header.decode(first)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadBackup(f"{path} is not a backup.") from None
        if header.docstore_backup != VERSION:
            raise BadBackup(f"{path} has the format {header.docstore_backup}; this docstore reads {VERSION}.")
        digest.update(first)
        empty = Contents(header.database, 0, 0, len(first), complete=False, partitioned=header.partitioned)
        whole = empty, digest.copy()
        place = len(first)
        for raw in file:
            place += len(raw)
            if raw.startswith(_MARKS) and raw.endswith(b"\n"):
                before, _, rest = raw.rpartition(_DIGEST)
                digest.update(before + _DIGEST)
                if rest != digest.hexdigest().encode() + _AFTER_DIGEST:
                    raise BadBackup(f"{path} was changed or damaged before byte {place}.")
                digest.update(rest)
                mark = _mark_of(path, raw)
                seq, complete = msgspec.json.decode(mark.seq), raw.startswith(_END)
                found = replace(empty, docs=mark.docs, seq=seq, size=place, complete=complete)
                whole = found, digest.copy()
            else:
                digest.update(raw)
    contents, upto = whole
    if contents.complete and contents.size != place:
        contents = replace(contents, complete=False)
    return Whole(contents, upto)


def _mark_of(path: Path, raw: bytes) -> Mark:
    try:
        line = _read_mark.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadBackup(f"{path}: a mark that cannot be read.") from None
    mark = line.checkpoint or line.end
    if mark is None:
        raise BadBackup(f"{path}: a mark that cannot be read.")
    return mark
