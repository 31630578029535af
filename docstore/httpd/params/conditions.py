"""Conditional requests: what If-Match and If-None-Match ask, by what kind of thing they are sent to.

Owns the choice between two readings. To *documents and attachments* CouchDB's answers stand: a single If-Match names
the revision that is changed, and If-None-Match on a write counts for nothing. Two more forms, which nobody sends to
CouchDB, mean what RFC 9110 says: ``If-None-Match: *`` on a write (create only), and a list of several tags in If-Match
(the winner must be among them, and is changed). If-Unmodified-Since and If-Modified-Since mean what they do there, for
documents alone, of which there are dates; what is no date counts for nothing, nor does one beside the header with tags
that goes before it. To *_local documents and security objects* all of RFC 9110, 13.1, applies, but for dates.

It must not decide whether a condition holds when something is written: that is done in the write transaction. Follows
``chttpd_db:extract_header_rev``.
"""

import re
from typing import NamedTuple

from aiohttp import hdrs

from docstore.core.conditions import ANY, CREATE_ONLY, Condition, Tags, check_unmodified, rev_etag
from docstore.core.rev import Rev, parse_rev
from docstore.errors import BadRequest, InvalidRev
from docstore.httpd.request import Request
from docstore.httpd.wire.entity_tags import entity_tags
from docstore.httpd.wire.http_dates import parse_date

ETAG_DIFFERS = "Document rev and etag have different values"
MALFORMED = "Invalid {} header."
_WEAK = re.compile(r"(^|,)[ \t]*W/(?=\")")
_BARE_ENDS = frozenset('", \t')


class Parent(NamedTuple):
    """The revision that a write names as the one it changes, if any, and what else it states."""

    rev: Rev | None
    condition: Condition | None = None


def chosen_parent(request: Request, rev: Rev | None) -> Parent:
    """What a write to a document or an attachment changes: ``rev``, or that of If-Match; and its condition.

    Raises BadRequest if the two differ, or for headers that are no conditions; InvalidRev.
    """
    headers = request.raw.headers
    create_only = is_create_only(request)
    if hdrs.IF_MATCH not in headers:
        return Parent(rev, CREATE_ONLY if create_only else None)
    named = _named_revs(_value(request, hdrs.IF_MATCH))
    if isinstance(named, tuple):
        if rev is not None and rev_etag(rev) not in named:
            raise BadRequest(ETAG_DIFFERS)
        return Parent(rev, Condition(named, ANY if create_only else None))
    matched = parse_rev(named)
    if rev is not None and rev != matched:
        raise BadRequest(ETAG_DIFFERS)
    return Parent(matched, CREATE_ONLY if create_only else None)


def with_date(request: Request, condition: Condition | None) -> Condition | None:
    """The condition of a write to a document, and that it may not be newer than If-Unmodified-Since says."""
    if hdrs.IF_MATCH in request.raw.headers:
        return condition
    since = _date(request, hdrs.IF_UNMODIFIED_SINCE)
    return condition if since is None else (condition or Condition())._replace(unmodified_since=since)


def check_date(request: Request, date: int) -> None:
    """Raises PreconditionFailed if a document of this date is newer than the If-Unmodified-Since of a GET."""
    headers = request.raw.headers
    if hdrs.IF_UNMODIFIED_SINCE in headers and hdrs.IF_MATCH not in headers:
        since = _date(request, hdrs.IF_UNMODIFIED_SINCE)
        if since is not None:
            check_unmodified(date, since)


def is_unmodified(request: Request, date: int) -> bool:
    """Whether a document of this date is no newer than If-Modified-Since; for requests without If-None-Match."""
    if hdrs.IF_MODIFIED_SINCE not in request.raw.headers:
        return False
    since = _date(request, hdrs.IF_MODIFIED_SINCE)
    return since is not None and date <= since


def is_create_only(request: Request) -> bool:
    """Whether If-None-Match is an asterisk. Raises BadRequest if there is one beside something else."""
    if hdrs.IF_NONE_MATCH not in request.raw.headers:
        return False
    value = _value(request, hdrs.IF_NONE_MATCH)
    try:
        return entity_tags(value) == ANY
    except ValueError:
        if ANY in (piece.strip() for piece in value.split(",")):
            raise BadRequest(MALFORMED.format(hdrs.IF_NONE_MATCH)) from None
        return False


def write_condition(request: Request) -> Condition | None:
    """The condition of a write to a ``_local`` document or a security object. Raises BadRequest."""
    match, none_match = _tags(request, hdrs.IF_MATCH), _tags(request, hdrs.IF_NONE_MATCH)
    return None if match is None and none_match is None else Condition(match, none_match)


def is_conditional(request: Request) -> bool:
    """Whether the request states any condition."""
    headers = request.raw.headers
    return hdrs.IF_MATCH in headers or hdrs.IF_NONE_MATCH in headers


def is_unchanged(request: Request, etag: str) -> bool:
    """Whether a GET of such a thing, which has this tag now, is answered 304. Raises PreconditionFailed, BadRequest."""
    condition = write_condition(request)
    if condition is None:
        return False
    Condition(condition.match).check(etag)
    none_match = condition.none_match
    return none_match is not None and (none_match == ANY or etag in none_match)


def _named_revs(value: str) -> str | tuple[str, ...]:
    """The text of the revision that an If-Match names as CouchDB reads it, or the strong tags of a list.

    Raises InvalidRev for what is neither.
    """
    bare = value.strip('"')
    if '"' not in bare and ("," not in bare or value == f'"{bare}"'):
        return bare
    try:
        tags = entity_tags(value)
    except ValueError:
        raise InvalidRev from None
    if isinstance(tags, str) or (len(tags) == 1 and tags[0].weak):
        raise InvalidRev
    return tags[0].text if len(tags) == 1 else tuple(tag.text for tag in tags if not tag.weak)


def _tags(request: Request, name: str) -> Tags | None:
    """The tags of a header by which they are compared; a single one may stand without quotes. Raises BadRequest."""
    if name not in request.raw.headers:
        return None
    value = _value(request, name).strip(" \t")
    if value and value != ANY and not _BARE_ENDS & set(value):
        return (value,)
    try:
        tags = entity_tags(value)
    except ValueError:
        raise BadRequest(MALFORMED.format(name)) from None
    if isinstance(tags, str):
        return ANY
    return tuple(tag.text for tag in tags if name == hdrs.IF_NONE_MATCH or not tag.weak)


def _date(request: Request, name: str) -> int | None:
    """The date of a header, None if it is none."""
    return parse_date(_value(request, name).strip(" \t"))


def _value(request: Request, name: str) -> str:
    """A header's value; of one that was sent several times, all of them."""
    value = ",".join(request.raw.headers.getall(name))
    if request.service.front is not None and name == hdrs.IF_MATCH:  # which tells its own tags as weak ones
        value = _WEAK.sub(r"\1", value)
    return value
