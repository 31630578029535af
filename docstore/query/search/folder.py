"""The folder of one index: tantivy's files, opened, written and read.

Owns tantivy: its schema, its one writer, what a commit holds. It must not know documents' functions or queries'
language. Everything here takes its time, and is called in threads; of those that write, one at a time.

What an index shows stands in it: a document of its own has the state, and is replaced with each commit. So there is no
moment at which one is newer than the other, and a kill costs what was not committed. A folder that cannot be opened, or
whose state is of another form, is made anew.

Fields of documents have no field of their own in tantivy but for *columns*, by which is sorted: ``s0`` to ``s7`` for
texts, ``n0`` to ``n7`` for numbers, each taken by the first field that needs one. When none is left the index is to be
built anew with four times as many.
"""

import errno
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from docstore.core.disk_answers import NO_ROOM, OUT_OF_HANDLES, READ_ONLY
from docstore.errors import StorageFailed, StorageFull
from docstore.query.search.damage import META
from docstore.query.search.entries import Entry
from docstore.query.search.library import tantivy
from docstore.query.search.terms import BETWEEN, code_of
from docstore.settings import SearchSettings

if TYPE_CHECKING:
    from tantivy import Document, Index, IndexWriter, Schema, Searcher

log = logging.getLogger(__name__)

FORMAT: Final = 1
FIRST_COLUMNS: Final = 8
MORE_COLUMNS: Final = 4
STATE: Final = "state"
TOKENIZER: Final = "terms"
TERMS: Final = "*.term"
"""The files with all terms that there are."""
KILLED: Final = "writer was killed"
"""What is told of a thread of tantivy's that writes no more; what it has ended with is told by its next commit."""
WRITTEN: Final = "being-written"
"""A file that is there while there is a writer, and stays where the process ends meanwhile."""
PANIC: Final = "PanicException"
"""How tantivy ends where it has found what cannot be. It is no ``Exception``, and has no module to be imported from."""
UNUSABLE: Final = "The search index cannot be used: "
_PLACE: Final = re.compile(r" at path \S+|\"/\S+")
_CODE: Final = re.compile(r"(?:os error|code:) (\d+)")


class NotNow(StorageFailed):
    """The system has no more files or memory for this process."""


class Unusable(StorageFailed):
    """tantivy fails for a reason of its own and none of the system's: the files may be damaged."""


class ColumnsTaken(Exception):
    """More fields want a column than there are."""


class FolderState(msgspec.Struct):
    """What an index shows, as JSON in its own document.

    ``epoch``       of the store;  ``seq``, ``purge_seq``  how far it follows the database
    ``columns``     of each kind;  ``strings``, ``numbers``  the fields that have them, in order
    ``facets``      fields that are facets
    ``several``     fields with a column, of which some document has several numbers
    ``next``        the place of the next entry, by which equals are in order
    """

    format: int
    epoch: int
    seq: int
    purge_seq: int
    columns: int
    strings: list[str]
    numbers: list[str]
    facets: list[str]
    several: list[str]
    next: int


class Folder:
    """An open index. ``state`` is what its last commit holds."""

    def __init__(self, path: Path, index: "Index", schema: "Schema", state: FolderState) -> None:
        self.path = path
        self.schema = schema
        self.state = state
        self._index = index
        self._writer: IndexWriter | None = None
        self.several = set(state.several)
        self._facets = set(state.facets)
        self._strings = {name: place for place, name in enumerate(state.strings)}
        self._numbers = {name: place for place, name in enumerate(state.numbers)}

    # --- Reading

    def searcher(self) -> "Searcher":
        """What the last commit shows."""
        with told():
            return self._index.searcher()

    def string_column(self, field: str) -> str | None:
        """The column of a field's texts, None if no document has one."""
        place = self._strings.get(field)
        return None if place is None else f"s{place}"

    def number_column(self, field: str) -> str | None:
        """The same of numbers."""
        place = self._numbers.get(field)
        return None if place is None else f"n{place}"

    def has_facet(self, field: str) -> bool:
        """Whether some document has the field as a facet."""
        return field in self._facets

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return folder_size(self.path)

    def is_there(self) -> bool:
        """Whether nobody has removed its files."""
        return (self.path / META).exists()

    # --- Writing

    def write(self, entries: Sequence[Entry], gone: Sequence[str], limits: SearchSettings, *, fresh: bool) -> None:
        """Let documents be what they are now; nothing is seen of it before the commit.

        ``fresh``: none of them can be in the index yet. Raises ColumnsTaken, StorageFull, StorageFailed; then nothing
        of it is left, nor of what was written since the last commit.
        """
        library = tantivy()
        try:
            with told():
                if self._writer is None:
                    (self.path / WRITTEN).touch()
                    self._writer = self._index.writer(limits.writer_memory, 1)
                writer = self._writer
                if not fresh:
                    for doc_id in (*gone, *(entry["id"] for entry in entries)):
                        writer.delete_documents_by_term("id", doc_id)
                for entry in entries:
                    writer.add_document(self._document(library.Document(), entry, limits))
        except BaseException as error:
            cause = self._cause(error)
            self.forget()
            if cause is None:
                raise
            raise cause from None

    def commit(self, seq: int, purge_seq: int) -> None:
        """Keep what was written, and how far that goes. Raises StorageFull, StorageFailed; nothing is kept then."""
        library = tantivy()
        writer = self._writer
        if writer is None:
            raise RuntimeError("nothing was written")
        state = msgspec.structs.replace(
            self.state,
            seq=seq,
            purge_seq=purge_seq,
            strings=list(self._strings),
            numbers=list(self._numbers),
            facets=sorted(self._facets),
            several=sorted(self.several),
        )
        try:
            with told():
                document = library.Document()
                document.add_text(STATE, STATE)
                document.add_bytes("body", msgspec.json.encode(state))
                writer.delete_documents_by_term(STATE, STATE)
                writer.add_document(document)
                writer.commit()
                self.state = state  # it is there, whatever comes next
                self._index.reload()
        except BaseException as error:
            cause = self._cause(error)
            self.forget()
            if cause is None:
                raise
            raise cause from None

    def _cause(self, error: BaseException) -> StorageFull | StorageFailed | None:
        """Why the thread that writes has ended, if that is what is known; nothing is kept by the commit that tells."""
        if self._writer is None or not isinstance(error, StorageFailed) or KILLED not in error.reason:
            return None
        try:
            with told():
                self._writer.commit()
        except (StorageFailed, StorageFull) as cause:
            return cause
        return None

    def forget(self) -> None:
        """Give up what was written since the last commit, and the writer with its lock, whoever still knows it."""
        writer, self._writer = self._writer, None
        self._give_up(*(() if writer is None else (writer.rollback, writer.wait_merging_threads)))
        self.several = set(self.state.several)
        self._facets = set(self.state.facets)
        self._strings = {name: place for place, name in enumerate(self.state.strings)}
        self._numbers = {name: place for place, name in enumerate(self.state.numbers)}

    def close(self) -> None:
        """Give back memory and threads, after merges that are under way."""
        writer, self._writer = self._writer, None
        self._give_up(*(() if writer is None else (writer.wait_merging_threads,)))

    def _give_up(self, *steps: Callable[[], object]) -> None:
        """Let a writer end; what that fails with costs nothing that was committed."""
        for step in steps:
            try:
                with told():
                    step()
            except (StorageFailed, StorageFull) as error:
                log.debug("%s: %s", self.path, error.reason)
        unmark(self.path)

    def _document(self, document: "Document", entry: Entry, limits: SearchSettings) -> "Document":
        document.add_text("id", entry["id"])
        document.add_unsigned("place", self.state.next)
        self.state.next += 1
        document.add_text("terms", entry["terms"])
        if entry["stored"]:
            document.add_bytes("body", entry["stored"])
        for field, text in entry["strings"]:
            place = self._place(self._strings, field, limits.max_columns)
            if place is not None:
                document.add_text(f"s{place}", text)
        for field, number in entry["numbers"]:
            place = self._place(self._numbers, field, limits.max_columns)
            if place is not None:
                document.add_float(f"n{place}", number + 0.0)
        self.several.update(field for field in entry["several"] if field in self._numbers)
        facets: dict[str, Any] = {}
        for field, value in entry["facets"]:
            if field in self._facets or len(self._facets) < limits.max_facets:
                facets.setdefault(code_of(field), []).append(value)
                self._facets.add(field)
        if facets:
            document.add_json("facets", facets)
        return document

    def _place(self, places: dict[str, int], field: str, most_columns: int) -> int | None:
        """The column of a field; None where there can be no more."""
        place = places.get(field)
        if place is None:
            place = len(places)
            if place >= self.state.columns:
                if self.state.columns < most_columns:
                    raise ColumnsTaken
                return None
            places[field] = place
        return place


@contextmanager
def told() -> Iterator[None]:
    """Around calls of tantivy that read or write files: what it fails with, as errors of the store.

    Raises StorageFull, StorageFailed.
    """
    try:
        yield
    except BaseException as error:
        if not isinstance(error, ValueError | OSError) and type(error).__name__ != PANIC:
            raise
        raise _as_told(error) from error


def _as_told(error: BaseException) -> StorageFull | StorageFailed:
    code = error.errno if isinstance(error, OSError) else None
    if code is None:
        found = _CODE.search(str(error))
        code = int(found[1]) if found else 0
    if code == errno.EROFS:
        return StorageFull(READ_ONLY)
    if code in NO_ROOM:
        return StorageFull()
    log.warning("a search index cannot be used: %s", error)
    if not code:
        return unusable(_PLACE.sub("", str(error)))  # where the files are is nobody's business
    kind = NotNow if code in OUT_OF_HANDLES else StorageFailed
    return kind(UNUSABLE + os.strerror(code))


def unusable(words: str) -> Unusable:
    """What tells that the files cannot be used, and why."""
    return Unusable(UNUSABLE + words)


def stored_in(document: "Document") -> tuple[str, bytes]:
    """The id of a document, empty for that of the state, and what is stored with it. Raises Unusable."""
    doc_id, body = document.get_first("id") or "", document.get_first("body") or b""
    if not isinstance(doc_id, str) or not isinstance(body, bytes):  # tantivy has no checksum over what it unpacks
        raise unusable("A document is not what was written.")
    return doc_id, body


def schema_of(columns: int) -> "Schema":
    """The fields of tantivy's. ``columns`` of each kind."""
    library = tantivy()
    builder = library.SchemaBuilder()
    builder.add_text_field(STATE, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("id", stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("body", stored=True)
    builder.add_unsigned_field("place", fast=True)
    builder.add_text_field("terms", tokenizer_name=TOKENIZER, index_option="position")
    builder.add_json_field("facets", fast=True, tokenizer_name="raw", index_option="basic")
    for place in range(columns):
        builder.add_text_field(f"s{place}", fast=True, tokenizer_name="raw", index_option="basic")
        builder.add_float_field(f"n{place}", fast=True)
    schema: Schema = builder.build()
    return schema


def open_folder(path: Path, epoch: int) -> Folder | None:
    """The index that is there; None if there is none that can be used. Raises StorageFull, NotNow."""
    library = tantivy()
    if not path.is_dir():
        return None
    try:
        with told():
            index = _prepared(library.Index.open(str(path)))
            searcher = index.searcher()
            found = searcher.search(library.Query.term_query(index.schema, STATE, STATE), 1)
            body = stored_in(searcher.doc(found.hits[0][1]))[1] if found.hits else b""
        state = msgspec.json.decode(body, type=FolderState)
    except NotNow:
        raise
    except (StorageFailed, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("%s cannot be used (%s); the search index is built anew", path, error)
        return None
    if state.format != FORMAT or state.epoch != epoch:
        return None
    if index.schema != schema_of(state.columns):  # it stands in the one file that has no checksum
        log.warning("%s has other fields than were made; the search index is built anew", path)
        return None
    return Folder(path, index, index.schema, state)


def make_folder(path: Path, epoch: int, columns: int) -> Folder:
    """An empty index in the place of whatever is there. Raises StorageFull, StorageFailed."""
    library = tantivy()
    remove_folder(path)
    schema = schema_of(columns)
    with told():
        path.mkdir(parents=True)
        index = _prepared(library.Index(schema, str(path)))
    return Folder(path, index, schema, FolderState(FORMAT, epoch, 0, 0, columns, [], [], [], [], 0))


def was_cut_short(path: Path) -> bool:
    """Whether the process has ended while it wrote to an index."""
    return (path / WRITTEN).exists()


def unmark(path: Path) -> None:
    """Nobody writes to an index now, and what a process may have left there is sound."""
    with suppress(OSError):
        (path / WRITTEN).unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove an index and all of its files."""
    shutil.rmtree(path, ignore_errors=True)


def folder_size(path: Path, kind: str = "*") -> int:
    """Bytes of the files in a folder, or of those of a kind."""
    total = 0
    try:
        for file in path.glob(kind):
            total += file.stat().st_size
    except OSError:  # a merge has removed one meanwhile
        return total
    return total


def _prepared(index: "Index") -> "Index":
    library = tantivy()
    tokenizer = library.TextAnalyzerBuilder(library.Tokenizer.regex(f"[^{BETWEEN}]+")).build()
    index.register_tokenizer(TOKENIZER, tokenizer)
    index.config_reader("Manual")
    return index
