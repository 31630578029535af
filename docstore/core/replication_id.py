"""The name of a replication: the same for the same work, so that a checkpoint written under it is found again.

Owns CouchDB's rule, version 4 (``couch_replicator_ids.erl``): md5 over the Erlang external term of the list

    server uuid, source, target, what is chosen of the source...

    source, target   {remote, user, host, port, path, headers, undefined}: texts as lists of bytes, no password, the
                     port ``default`` where it is 80 or 5984 (http) or 443 (https)
    chosen           nothing | filter code or ``_name`` and its parameters | document ids | selector

It must not know how a place is reached. The uuid is that of the server that replicates: two servers between the same
databases do not share checkpoints.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue
from docstore.core.revision_hash import NIL, encode_term
from docstore.core.selector.normal_form import normalize
from docstore.errors import BadRequest

VERSION: Final = 4
UNKNOWN_OPERATOR: Final = "invalid_operator"

_TERM_VERSION = b"\x83"
_DEFAULT_PORTS = {("http", 80), ("http", 5984), ("https", 443)}
_STANDARD_PORTS = {"http": 80, "https": 443}
_URL = re.compile(
    r"(https?)://(?:([^/?#]*)@)?(?:\[([0-9A-Fa-f:.%]+)\]|([^/?#:@\[\]\s]+))(?::([0-9]{1,5}))?((?:[/?#].*)?)", re.DOTALL
)
_TRIMMED = re.compile("^ *(.*?) *$")


class UrlParts(NamedTuple):
    """A URL taken apart. ``user`` and ``password`` are as they stand in it; None if it has none."""

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int
    path: str
    has_port: bool
    is_ipv6: bool

    @property
    def plain(self) -> str:
        """The URL without user and password."""
        host = f"[{self.host}]" if self.is_ipv6 else self.host
        return f"{self.scheme}://{host}{f':{self.port}' if self.has_port else ''}{self.path}"


@dataclass(frozen=True, slots=True)
class Place:
    """A source or target as far as it counts.

    ``url`` without user and password, ``headers`` without those of basic authentication, in CouchDB's order.
    """

    url: str
    user: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def split_url(url: str) -> UrlParts | None:
    """An ``http`` or ``https`` URL taken apart, None for anything else."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme, userinfo, ipv6, name, port_text, path = match.groups()
    port = int(port_text) if port_text else _STANDARD_PORTS[scheme]
    if not 0 < port < 65_536:
        return None
    user, _, password = (userinfo or "").partition(":")
    no_user = userinfo is None
    return UrlParts(
        scheme,
        None if no_user else user,
        None if no_user else password,
        ipv6 or name,
        port,
        path or "/",
        bool(port_text),
        ipv6 is not None,
    )


def base_id(
    server_uuid: str, source: Place, target: Place, chosen: Sequence[JsonValue] = (), *, winners_only: bool = False
) -> str:
    """The id, 32 hex digits, under which both sides keep the checkpoint: ``_local/<id>``."""
    term = id_term(server_uuid, source, target, chosen, winners_only=winners_only)
    return hashlib.md5(term, usedforsecurity=False).hexdigest()


def id_term(
    server_uuid: str, source: Place, target: Place, chosen: Sequence[JsonValue] = (), *, winners_only: bool = False
) -> bytes:
    """The external term that the id is the md5 of."""
    parts = [encode_term(server_uuid), _place(source), _place(target), *(encode_term(part) for part in chosen)]
    if winners_only:
        parts.append(encode_term("winning_revs_only"))
    return b"".join((_TERM_VERSION, _list(parts)))


def extension(*, continuous: bool, create_target: bool) -> str:
    """What a job's id has after the base id. Checkpoints do not depend on it."""
    return ("+continuous" if continuous else "") + ("+create_target" if create_target else "")


def split_job_id(text: str) -> tuple[str, str]:
    """Base id and extension. A blank is a plus sign that a URL's reader took for one."""
    base, plus, rest = text.replace(" ", "+").partition("+")
    return base, plus + rest


def chosen_by_filter(code: str, parameters: Mapping[str, JsonValue]) -> list[JsonValue]:
    """The part of the id for a filter: its code, or the name of a built-in one (``_view``)."""
    return [_TRIMMED.sub(r"\1", code, count=1), dict(parameters)]


def chosen_by_selector(selector: Mapping[str, JsonValue], *, by_remote_source: bool = False) -> list[JsonValue]:
    """The part of the id for a selector: written out in full, with sorted members. Raises as ``normalize``.

    ``by_remote_source``: it is carried out elsewhere, perhaps with operators that are not known here; then it counts as
    it was given.
    """
    try:
        return [_sorted(normalize(dict(selector)))]
    except BadRequest as error:
        if not by_remote_source or error.error != UNKNOWN_OPERATOR:
            raise
        return [_sorted(dict(selector))]


def _sorted(value: JsonValue) -> JsonValue:
    """The value with the members of all objects in the order of their names' bytes.

    One frame a level, and JSON has no more than 500 levels; a comprehension would take two.
    """
    if isinstance(value, dict):
        members: dict[str, JsonValue] = {}
        for name in sorted(value):
            members[name] = _sorted(value[name])
        return members
    if isinstance(value, list):
        return list(map(_sorted, value))
    return value


def _place(place: Place) -> bytes:
    parts = split_url(place.url)
    if parts is None:
        host, port, path = _characters(place.url), _atom("undefined"), _atom("undefined")
    else:
        is_default = (parts.scheme, parts.port) in _DEFAULT_PORTS
        host, path = _characters(parts.host), _characters(parts.path)
        port = _atom("default") if is_default else encode_term(parts.port)
    user = _atom("undefined") if place.user is None else _characters(place.user)
    headers = [b"h\x02" + _characters(name) + _characters(value) for name, value in place.headers]
    return b"".join((b"h\x07", _atom("remote"), user, host, port, path, _list(headers), _atom("undefined")))


def _atom(name: str) -> bytes:
    return b"d" + len(name).to_bytes(2) + name.encode()


def _list(terms: Sequence[bytes]) -> bytes:
    return b"".join((b"l", len(terms).to_bytes(4), *terms, NIL)) if terms else NIL


def _characters(text: str) -> bytes:
    """A text as Erlang's list of its bytes."""
    return encode_term(list(text.encode()))
