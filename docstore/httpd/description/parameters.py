"""What the parameters of a query string are: name, kind of value, and what they are for.

Owns the words and which endpoint takes which. How they are read stands in ``httpd/params/``; tests hold the two against
each other. It must not know OpenAPI's form of a parameter.
"""

from typing import Any, Final, NamedTuple

Schema = dict[str, Any]

BOOLEAN: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
TEXT: Final[Schema] = {"type": "string"}
REV: Final[Schema] = {"type": "string", "examples": ["1-967a00dff5e02add41819138abb3284d"]}
JSON: Final[Schema] = {}


def _words(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


class Parameter(NamedTuple):
    """A parameter of a query string. ``as_json``: its value is written as JSON text."""

    name: str
    schema: Schema
    about: str
    as_json: bool = False


def _named(*parameters: Parameter) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in parameters}


ALL: Final = _named(
    # ranges and listings
    Parameter("key", JSON, "Only this key.", as_json=True),
    Parameter("keys", {"type": "array"}, "Only these keys, in this order.", as_json=True),
    Parameter("startkey", JSON, "From this key on.", as_json=True),
    Parameter("endkey", JSON, "Up to this key.", as_json=True),
    Parameter("start_key", JSON, "As `startkey`.", as_json=True),
    Parameter("end_key", JSON, "As `endkey`.", as_json=True),
    Parameter("startkey_docid", TEXT, "Of rows with the first key, from this document id on."),
    Parameter("endkey_docid", TEXT, "Of rows with the last key, up to this document id."),
    Parameter("inclusive_end", BOOLEAN, "Whether the last key belongs to the range."),
    Parameter("descending", BOOLEAN, "In reverse order."),
    Parameter("skip", COUNT, "So many rows are passed over."),
    Parameter("limit", COUNT, "At most so many rows."),
    Parameter("include_docs", BOOLEAN, "Each row with its document."),
    Parameter("conflicts", BOOLEAN, "Documents tell their conflicting revisions."),
    Parameter("conflicts_only", BOOLEAN, "Only documents with more than one live leaf."),
    Parameter("attachments", BOOLEAN, "Documents come with the bytes of their attachments."),
    Parameter("att_encoding_info", BOOLEAN, "Attachments tell how they are encoded."),
    Parameter("update_seq", BOOLEAN, "The reply tells the sequence that it belongs to."),
    Parameter("stable", BOOLEAN, "For clusters; checked and passed over."),
    Parameter(
        "update", _words("true", "false", "lazy"), "Whether an index is brought up to date before, not, or after."
    ),
    Parameter("stale", _words("ok", "update_after"), "The older form of `update`."),
    Parameter("sorted", BOOLEAN, "Rows are sorted always; checked and passed over."),
    # views
    Parameter("reduce", BOOLEAN, "Whether the reduce function is used."),
    Parameter("group", BOOLEAN, "One reduced row for each key."),
    Parameter("group_level", COUNT, "One reduced row for each beginning of so many elements of the key."),
    # changes
    Parameter("since", TEXT, "A sequence, `now`, or 0."),
    Parameter("feed", _words("normal", "longpoll", "continuous", "live", "eventsource"), "How changes are told."),
    Parameter("style", _words("main_only", "all_docs"), "Whether only the winner is told, or every leaf."),
    Parameter("filter", TEXT, "`_doc_ids`, `_selector`, `_design`, `_view`, or DDOC/NAME."),
    Parameter("heartbeat", {"type": "integer", "minimum": 1}, "Milliseconds between two signs of life."),
    Parameter("timeout", COUNT, "Milliseconds of silence after which a feed ends."),
    Parameter("seq_interval", COUNT, "Only every so many rows tell their update sequence."),
    Parameter("doc_ids", {"type": "array", "items": TEXT}, "With `filter=_doc_ids`.", as_json=True),
    Parameter("view", TEXT, "With `filter=_view`: DDOC/NAME."),
    # documents
    Parameter("rev", REV, "The revision that is read or changed."),
    Parameter("revs", BOOLEAN, "The revision's history (`_revisions`)."),
    Parameter("revs_info", BOOLEAN, "The history, and whether each body is still there."),
    Parameter("deleted_conflicts", BOOLEAN, "The deleted leaves beside the winner."),
    Parameter("meta", BOOLEAN, "`revs_info`, `conflicts` and `deleted_conflicts` together."),
    Parameter("local_seq", BOOLEAN, "The document's place in `_changes`."),
    Parameter("latest", BOOLEAN, "Of a revision that has children, the leaves below it."),
    Parameter("deleted", BOOLEAN, "A deleted document too."),
    Parameter("open_revs", JSON, "`all`, or a JSON array of revisions.", as_json=True),
    Parameter("atts_since", {"type": "array", "items": REV}, "Bytes of what these revisions lack.", as_json=True),
    Parameter("new_edits", BOOLEAN, "False stores a revision that was made elsewhere."),
    Parameter("batch", _words("ok"), "The reply does not wait for the write."),
    # the rest
    Parameter("count", COUNT, "How many."),
    Parameter("q", {"type": "integer", "minimum": 1}, "For clusters: checked, and told again."),
    Parameter("n", {"type": "integer", "minimum": 1}, "For clusters: checked, and passed over."),
    Parameter("partitioned", BOOLEAN, "Whether ids begin with a partition."),
    Parameter("states", TEXT, "States of replications, with commas between them."),
    Parameter("format", _words("json", "text", "svg"), "How the tree is drawn."),
    Parameter("next", TEXT, "A path of this server to be redirected to."),
    Parameter("fail", TEXT, "A path of this server to be redirected to where the login failed."),
    Parameter("basic", BOOLEAN, "Nobody is asked for a password."),
    Parameter("kind", _words("unique"), "Duplicates of a unique index instead of conflicts."),
    Parameter("counts", BOOLEAN, "How many leaves there are, live and deleted."),
    Parameter("include_meta", BOOLEAN, "Who wrote each live leaf, and when."),
    Parameter(
        "level", _words("debug", "info", "warning", "error", "critical"), "Only lines that are at least so important."
    ),
)

RANGE: Final = ("key", "startkey", "endkey", "start_key", "end_key", "inclusive_end", "descending", "skip", "limit")
DOCIDS: Final = ("startkey_docid", "endkey_docid")
WITH_DOCS: Final = ("include_docs", "conflicts", "attachments", "att_encoding_info")
INDEXED: Final = ("update_seq", "stable", "update", "stale", "sorted")
LISTING: Final = (*RANGE, "keys", *DOCIDS, *WITH_DOCS, "conflicts_only", *INDEXED)
VIEW: Final = (*RANGE, "keys", *DOCIDS, *WITH_DOCS, *INDEXED, "reduce", "group", "group_level")
CHANGES: Final = (
    *("since", "feed", "limit", "descending", "style", "filter", "heartbeat", "timeout", "seq_interval"),
    *(*WITH_DOCS, "conflicts_only", "doc_ids", "view"),
)
READ: Final = (
    *("rev", "revs", "revs_info", "conflicts", "deleted_conflicts", "meta", "local_seq", "latest", "deleted"),
    *("attachments", "atts_since", "att_encoding_info", "open_revs"),
)
WRITE: Final = ("rev", "new_edits", "batch")

TAKEN: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("GET", "/_uuids"): ("count",),
    ("GET", "/_all_dbs"): RANGE,
    ("GET", "/_dbs_info"): RANGE,
    ("GET", "/_session"): ("basic",),
    ("POST", "/_session"): ("next", "fail"),
    ("GET", "/_db_updates"): ("since", "feed", "limit", "descending", "heartbeat", "timeout"),
    ("GET", "/_scheduler/jobs"): ("limit", "skip"),
    ("GET", "/_scheduler/docs"): ("limit", "skip", "descending", "states"),
    ("GET", "/_scheduler/docs/{path...}"): ("limit", "skip", "descending", "states"),
    ("GET", "/_docstore/log"): ("since", "limit", "level"),
    ("PUT", "/{db}"): ("q", "n", "partitioned"),
    ("POST", "/{db}"): ("batch",),
    ("GET", "/{db}/_changes"): CHANGES,
    ("POST", "/{db}/_changes"): CHANGES,
    ("POST", "/{db}/_bulk_get"): ("revs", "latest", "attachments", "att_encoding_info"),
    ("GET", "/{db}/_conflicts"): (*RANGE, "include_docs", "kind", "counts", "include_meta"),
    ("GET", "/{db}/{doc}"): READ,
    ("PUT", "/{db}/{doc}"): WRITE,
    ("DELETE", "/{db}/{doc}"): ("rev",),
    ("COPY", "/{db}/{doc}"): ("rev",),
    ("GET", "/{db}/_local/{doc}"): (),
    ("GET", "/{db}/{doc}/_tree"): ("format",),
    ("GET", "/{db}/{doc}/{path...}"): ("rev",),
    ("PUT", "/{db}/{doc}/{path...}"): ("rev",),
    ("POST", "/{db}/{doc}/{path...}"): ("rev",),
    ("DELETE", "/{db}/{doc}/{path...}"): ("rev",),
    ("POST", "/{db}/_uploads/{uuid}"): ("rev",),
    ("GET", "/{db}/_design/{doc}/_view/{view}"): VIEW,
    ("POST", "/{db}/_design/{doc}/_view/{view}"): VIEW,
    ("POST", "/{db}/_design/{doc}/_view/{view}/queries"): VIEW,
    **{("GET", f"/{{db}}/{name}"): LISTING for name in ("_all_docs", "_design_docs", "_local_docs")},
    **{("POST", f"/{{db}}/{name}"): LISTING for name in ("_all_docs", "_design_docs", "_local_docs")},
}
"""Method and path (as in the route table) -> the names that it takes. Other forms of a path are found by ``taken``."""


def taken(method: str, pattern: str) -> tuple[Parameter, ...]:
    """The parameters of an endpoint. A design document takes what a document does."""
    plain = pattern.replace("/_design/{doc}", "/{doc}").replace("/_design%2F{doc}", "/{doc}").replace("%2F", "/")
    names = TAKEN.get((method, pattern), TAKEN.get((method, plain), ()))
    return tuple(ALL[name] for name in names)
