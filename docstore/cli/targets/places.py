"""TARGET: the database that a command works on, by URL or by name in a data folder.

Owns what a TARGET may be and what the two kinds can do for a command. It must not know how either is opened
(``opening``), how a URL is spoken to (``url_target``) nor how a data folder is read (``name_target``).
"""

import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import click

from docstore.cli.rows import Members


class WriteResult(NamedTuple):
    """What became of one document: written when ``error`` is None, else CouchDB's word for it and its reason."""

    error: str | None = None
    reason: str = ""


WRITTEN = WriteResult()
CONFLICT_ERROR = "conflict"


class Target(Protocol):
    """An open target."""

    async def write(self, documents: Sequence[Members]) -> list[WriteResult]:
        """Write documents; one that cannot be written does not stop the others. Results in the same order."""

    async def read(self, doc_ids: Sequence[str]) -> list[Members | None]:
        """The present documents, ``_id`` and ``_rev`` included, in the same order; None for one that is not there."""


@dataclass(frozen=True, slots=True)
class UrlTarget:
    """A database of a running server. ``url`` has neither credentials nor a slash at its end."""

    url: str
    user: str | None = None
    password: str = ""

    @property
    def label(self) -> str:
        """How the target is named in messages."""
        return self.url


@dataclass(frozen=True, slots=True)
class NameTarget:
    """A database in a data folder that no server has open."""

    name: str
    data: Path

    @property
    def label(self) -> str:
        """How the target is named in messages."""
        return self.name


def parse_target(target: str, data: Path | None) -> UrlTarget | NameTarget:
    """What ``TARGET`` and ``--data`` together name. Raises click.UsageError."""
    if "://" not in target:
        if data is None:
            raise click.UsageError(f"the target {target!r} is a name and needs --data DIR (or give a URL)")
        return NameTarget(target, data)
    if data is not None:
        raise click.UsageError("--data goes with a target that is a name, not with a URL")
    try:
        parts = urllib.parse.urlsplit(target)
        port = parts.port
    except ValueError as error:
        raise click.UsageError(f"the target is no URL: {error}") from None
    database = parts.path.strip("/")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.UsageError("the target's URL must be http://HOST[:PORT]/DATABASE or https://...")
    if not database or "/" in database or parts.query or parts.fragment:
        raise click.UsageError("the target's URL must name one database: http://HOST[:PORT]/DATABASE")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if port is None else f"{host}:{port}"
    user = None if parts.username is None else urllib.parse.unquote(parts.username)
    return UrlTarget(f"{parts.scheme}://{authority}/{database}", user, urllib.parse.unquote(parts.password or ""))
