"""Parameters of ``_changes``: query string and headers, read once.

Owns their names, defaults and errors. Follows ``chttpd_db:parse_changes_query`` and
``couch_changes:get_changes_timeout``: a flag is set by the very word ``true``, names count in any case, and parameters
that nobody knows are ignored. Where CouchDB crashes on a value (500), this is a 400.
"""

from dataclasses import dataclass
from enum import StrEnum

from docstore.database.reading.changes import Style
from docstore.errors import BadRequest, QueryParseError
from docstore.httpd.params.values import parse_integer
from docstore.httpd.request import Request
from docstore.settings import Settings

HEARTBEAT_NOT_POSITIVE = "The heartbeat value should be a positive integer (in milliseconds)."
HEARTBEAT_NO_NUMBER = "Invalid heartbeat value. Expecting a positive integer value (in milliseconds)."
LAST_EVENT_ID = "last-event-id"
FLAGS = ("descending", "include_docs", "conflicts", "conflicts_only", "attachments", "att_encoding_info")


class Feed(StrEnum):
    """How changes are told."""

    NORMAL = "normal"
    LONGPOLL = "longpoll"
    CONTINUOUS = "continuous"
    EVENTSOURCE = "eventsource"


@dataclass(frozen=True, slots=True)
class ChangesParams:
    """What the query string and the headers of ``_changes`` ask.

    ``feed``       as it was sent; ``feed_of`` reads it
    ``since``      as it was sent
    ``limit``      None for no limit
    ``timeout``    seconds of silence after which a feed ends; of no account with a heartbeat
    ``heartbeat``  seconds of silence after which a sign of life is sent; None for none
    ``filter``     the filter's name, ``""`` for none
    """

    feed: str
    since: str
    limit: int | None
    descending: bool
    style: Style
    include_docs: bool
    conflicts: bool
    conflicts_only: bool
    attachments: bool
    att_encoding_info: bool
    timeout: float
    heartbeat: float | None
    filter: str
    seq_interval: int | None


def changes_params(request: Request) -> ChangesParams:
    """The parameters of a request. Raises BadRequest and QueryParseError."""
    values: dict[str, str] = {}
    flags = dict.fromkeys(FLAGS, False)
    for given, value in request.query_list if request.query_string else ():
        name = given.lower()
        if name in flags:
            flags[name] = flags[name] or value == "true"
        else:
            values["since" if name == LAST_EVENT_ID else name] = value
    feed = values.get("feed", Feed.NORMAL)
    since = values.get("since", "0")
    if feed == Feed.EVENTSOURCE:  # a browser that connects again tells where it was
        since = request.headers.get(LAST_EVENT_ID, since)
    settings = request.node.settings
    return ChangesParams(
        feed=feed,
        since=since,
        limit=_limit(values.get("limit")),
        descending=flags["descending"],
        style=_style(values.get("style")),
        include_docs=flags["include_docs"],
        conflicts=flags["conflicts"],
        conflicts_only=flags["conflicts_only"],
        attachments=flags["attachments"],
        att_encoding_info=flags["att_encoding_info"],
        timeout=_timeout(values.get("timeout"), settings),
        heartbeat=_heartbeat(values.get("heartbeat"), settings),
        filter=values.get("filter", ""),
        seq_interval=_seq_interval(values.get("seq_interval")),
    )


def filter_named(request: Request) -> str:
    """The filter that was asked for; whatever the other parameters are, they are not looked at."""
    named = [value for name, value in request.query_list if name.lower() == "filter"]
    return named[-1] if named else ""


def feed_of(params: ChangesParams) -> Feed:
    """The feed that was asked for. Raises BadRequest for one that does not exist."""
    name = Feed.CONTINUOUS if params.feed == "live" else params.feed
    try:
        return Feed(name)
    except ValueError:
        raise BadRequest("Supported `feed` types: normal, continuous, live, longpoll, eventsource") from None


def _limit(value: str | None) -> int | None:
    limit = None if value is None else parse_integer(value)
    return None if limit is None or limit < 0 else limit


def _style(value: str | None) -> Style:
    try:
        return Style.MAIN_ONLY if value is None else Style(value)
    except ValueError:
        raise BadRequest("Supported `style` types: main_only, all_docs") from None


def _timeout(value: str | None, settings: Settings) -> float:
    if value is None:
        return settings.changes_timeout
    milliseconds = parse_integer(value)
    if milliseconds < 0:
        raise QueryParseError("The timeout value should not be negative (in milliseconds).")
    return min(settings.changes_timeout, milliseconds / 1000)


def _heartbeat(value: str | None, settings: Settings) -> float | None:
    if value is None:
        return None
    if value == "true":
        return settings.changes_heartbeat
    try:
        milliseconds = parse_integer(value)
    except QueryParseError:
        raise BadRequest(HEARTBEAT_NO_NUMBER) from None
    if milliseconds <= 0:
        raise BadRequest(HEARTBEAT_NOT_POSITIVE)
    return min(settings.changes_heartbeat, milliseconds / 1000)


def _seq_interval(value: str | None) -> int | None:
    if value is None:
        return None
    try:
        interval = parse_integer(value)
    except QueryParseError:
        interval = 0
    if interval <= 0:
        raise BadRequest("invalid_seq_interval")
    return interval
