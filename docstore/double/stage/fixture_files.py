"""Documents for tests, as they stand in files: one JSON file, or a folder of them.

A file is an array of documents, the body of a ``_bulk_docs``, what ``_all_docs?include_docs=true`` answers, JSON lines,
or one document. In a folder each file is a document::

    films/alien.json                 the document "alien", unless it has an _id
    films/alien/poster.png           its attachment poster.png
    films/alien/stills/1.png         its attachment stills/1.png
    films/_design/by_year.json       the document "_design/by_year", as of any folder that belongs to no document
    films/_security.json             the security object

Owns these forms. It must not know where documents go. Names that begin with a dot, and folders of attachments without a
document, count for nothing and are an error, in this order.
"""

import mimetypes
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from docstore.core.json_text import JsonValue, decode
from docstore.errors import DocstoreError

LINES: Final = frozenset({".jsonl", ".ndjson"})
SUFFIX: Final = ".json"
SECURITY: Final = "_security"
ID: Final = "_id"
ANY_TYPE: Final = "application/octet-stream"

Members = dict[str, JsonValue]


class BadFixture(ValueError):
    """A file that holds no documents. The text says which and why."""


@dataclass(frozen=True, slots=True)
class Documents:
    """What was read. ``security`` is None where nothing is said of it."""

    documents: list[Members] = field(default_factory=list)
    security: Members | None = None


def read_documents(path: Path) -> Documents:
    """The documents of a file or a folder. Raises BadFixture, OSError."""
    return _of_folder(path) if path.is_dir() else Documents(_of_file(path))


def documents_of(value: JsonValue, source: str = "the documents") -> list[Members]:
    """The documents that a JSON value holds, in any form but JSON lines. Raises BadFixture."""
    match value:
        case {"docs": [*found]} | [*found]:
            pass
        case {"rows": [*rows]}:
            found = [row.get("doc") if isinstance(row, dict) else row for row in rows]
        case dict():
            found = [value]
        case _:
            raise BadFixture(f"{source}: neither a document nor a list of documents")
    return [_document(one, f"{source}, document {place}") for place, one in enumerate(found, 1)]


def _of_file(path: Path) -> list[Members]:
    text = path.read_bytes()
    if path.suffix not in LINES:
        return documents_of(_json(text, path.name), path.name)
    lines = ((place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip())
    return [_document(_json(line, f"{path.name}, line {place}"), f"{path.name}, line {place}") for place, line in lines]


def _of_folder(root: Path) -> Documents:
    security: Members | None = None
    documents: list[Members] = []
    for path in _json_files(root):
        name = path.relative_to(root).with_suffix("").as_posix()
        members = _document(_json(path.read_bytes(), f"{root.name}/{name}{SUFFIX}"), f"{root.name}/{name}{SUFFIX}")
        if name == SECURITY:
            security = members
            continue
        documents.append({ID: name, **members, **_attachments(members, path.with_suffix(""))})
    return Documents(documents, security)


def _json_files(folder: Path) -> Iterator[Path]:
    """The documents below a folder, in order of their names."""
    for path in sorted(_shown(folder)):
        if path.is_dir():
            if not path.with_name(path.name + SUFFIX).is_file():  # else its files are attachments
                yield from _json_files(path)
        elif path.suffix == SUFFIX:
            yield path
        else:
            raise BadFixture(f"{path}: no JSON, and no attachment since there is no {path.parent.name}{SUFFIX} beside")


def _attachments(members: Members, folder: Path) -> Members:
    """``_attachments`` with the files of the folder beside a document, if there is one."""
    if not folder.is_dir():
        return {}
    attached: dict[str, JsonValue] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(part.startswith(".") for part in name.split("/")):
            kind = mimetypes.guess_type(path.name)[0] or ANY_TYPE
            attached[name] = {"content_type": kind, "data": b64encode(path.read_bytes()).decode()}
    stated = members.get("_attachments")
    for name, own in (stated if isinstance(stated, dict) else {}).items():
        beside = attached.get(name)
        attached[name] = {**beside, **own} if isinstance(beside, dict) and isinstance(own, dict) else own
    return {"_attachments": attached}


def _shown(folder: Path) -> Iterable[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _json(text: bytes, source: str) -> JsonValue:
    try:
        return decode(text)
    except DocstoreError as error:
        raise BadFixture(f"{source}: {error.reason}") from None


def _document(value: JsonValue, source: str) -> Members:
    if not isinstance(value, dict):
        raise BadFixture(f"{source}: no document")
    return value
