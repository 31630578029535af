"""The files of a web page, read once: those of ``docstore/web``, or those of another page that a folder has.

Owns their types, what is left out of docstore's own, and the bound of a folder. It must not know requests. No path of a
request leads to the disk: a file is found by its name among those that were read.
"""

import gzip
import mimetypes
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from docstore.core.conditions import content_etag

INDEX: Final = "index.html"

TYPES: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""What of the package's files is served. Anything else that may lie there (caches, notes) is not."""

BINARY: Final = "application/octet-stream"

_NOT_RUN: Final = {
    "js": re.compile(rb"^[ \t]+(?://.*)?|^//.*|[ \t]+// [^'\"`\n]*$()", re.MULTILINE),
    "css": re.compile(rb"^[ \t]+|/\*[^\n]*?\*/|[ \t]*([{};])[ \t]*|(?<=[:,])[ \t]+", re.MULTILINE),
}
"""What of scripts and styles is left out, but for the group. A comment with a quote in it stays: it might be a text."""

_PLAIN_LINE: Final = re.compile(rb"^[^`/\n]+$", re.MULTILINE)
"""A line of a script in which what stands in quotes is a text, since it has no pattern, no comment and no template."""

_SPACED: Final = re.compile(rb"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|[ ]*([,:;{}()=?&|<>*]+)[ ]*""")


class NoPage(ValueError):
    """A folder that has no page, or is too large to be one. The text says which."""


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file: as it is, and gzipped, with a tag for each."""

    content_type: str
    plain: bytes
    gzipped: bytes
    tag: str

    @property
    def gzip_tag(self) -> str:
        """The tag of the gzipped bytes."""
        return f"{self.tag}-gzip"


@cache
def web_files() -> dict[str, WebFile]:
    """All files of docstore's own page by their paths below its folder."""
    entries = _entries(resources.files("docstore") / "web")
    return {name: _read(name, entry) for name, entry in entries if _kind(name) in TYPES}


@cache
def folder_files(folder: Path, max_size: int) -> dict[str, WebFile]:
    """All files of another page by their paths below its folder, as they are. Raises NoPage, OSError.

    ``max_size`` is in bytes, of all files together.
    """
    entries = list(_entries(folder))
    if INDEX not in (name for name, _ in entries):
        raise NoPage(f"{folder} has no {INDEX}")
    return dict(_bounded(folder, entries, max_size))


def served(kind: str, content: bytes) -> bytes:
    """A file as browsers get it: scripts and styles without indentation, comments, and spaces that mean nothing.

    They are written to be read and weigh a fifth less so. Lines keep their numbers. What is left out is no part of a
    text, since none in them goes over several lines; a test holds them to that.
    """
    pattern = _NOT_RUN.get(kind)
    if pattern is None:
        return content
    run = pattern.sub(rb"\1", content)
    return _PLAIN_LINE.sub(lambda line: _SPACED.sub(rb"\1\2", line[0]), run) if kind == "js" else run


def _bounded(folder: Path, entries: Iterable[tuple[str, Traversable]], max_size: int) -> Iterator[tuple[str, WebFile]]:
    size = 0
    for name, entry in entries:
        content = entry.read_bytes()
        size += len(content)
        if size > max_size:
            raise NoPage(f"{folder} has more than {max_size:,} bytes, too many for a page")
        yield name, _file(TYPES.get(_kind(name)) or mimetypes.guess_type(name)[0] or BINARY, content)


def _entries(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _entries(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _read(name: str, entry: Traversable) -> WebFile:
    return _file(TYPES[_kind(name)], served(_kind(name), entry.read_bytes()))


def _file(content_type: str, content: bytes) -> WebFile:
    return WebFile(content_type, content, gzip.compress(content, 9, mtime=0), content_etag(content))
