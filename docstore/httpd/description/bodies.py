"""What requests carry in their bodies, as JSON Schema: enough to write one, no more than is checked.

Owns these shapes. What else is refused, and in which words, is decided where a body is read. It must not know OpenAPI.
"""

from typing import Final

from docstore.httpd.description.parameters import BOOLEAN, COUNT, JSON, REV, TEXT, Schema

OBJECT: Final[Schema] = {"type": "object"}


def _object(required: tuple[str, ...] = (), **members: Schema) -> Schema:
    return {"type": "object", "properties": members, **({"required": list(required)} if required else {})}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


DOCUMENT: Final = _object(_id=TEXT, _rev=REV, _deleted=BOOLEAN, _attachments=OBJECT, _revisions=OBJECT)
REVS_BY_ID: Final[Schema] = {"type": "object", "additionalProperties": _list(REV)}
NAMES: Final = _object(names=_list(TEXT), roles=_list(TEXT))
LISTING: Final = _object(
    keys=_list(JSON),
    key=JSON,
    start_key=JSON,
    end_key=JSON,
    inclusive_end=BOOLEAN,
    descending=BOOLEAN,
    skip=COUNT,
    limit=COUNT,
    include_docs=BOOLEAN,
    update_seq=BOOLEAN,
)
QUERIES: Final = _object(("queries",), queries=_list(LISTING))
RESOLUTION: Final = _object(
    leaves=_list(REV), keep=REV, body=DOCUMENT, merge=TEXT, on_conflict=TEXT, ancestor=REV, by=TEXT, dry_run=BOOLEAN
)
REPLICATION: Final = _object(
    ("source", "target"),
    source={"type": ["string", "object"]},
    target={"type": ["string", "object"]},
    continuous=BOOLEAN,
    cancel=BOOLEAN,
    create_target=BOOLEAN,
    doc_ids=_list(TEXT),
    selector=OBJECT,
    filter=TEXT,
)
FIND: Final = _object(
    ("selector",),
    selector=OBJECT,
    fields=_list(TEXT),
    sort=_list({"type": ["string", "object"]}),
    limit=COUNT,
    skip=COUNT,
    bookmark=TEXT,
    use_index={"type": ["string", "array"]},
    conflicts=BOOLEAN,
    execution_stats=BOOLEAN,
)

SEARCH: Final = _object(
    ("query",),
    query=TEXT,
    bookmark=TEXT,
    limit=COUNT,
    sort={},
    counts=_list(TEXT),
    ranges=OBJECT,
    drilldown=_list(_list(TEXT)),
    group_field=TEXT,
    group_limit=COUNT,
    group_sort={},
    highlight_fields=_list(TEXT),
    highlight_pre_tag=TEXT,
    highlight_post_tag=TEXT,
    highlight_number=COUNT,
    highlight_size=COUNT,
    include_docs=BOOLEAN,
    include_fields=_list(TEXT),
    stale={"type": "string", "enum": ["ok"]},
)

JSON_BODIES: Final[dict[tuple[str, str], Schema]] = {
    ("POST", "/_session"): _object(name=TEXT, password=TEXT),
    ("POST", "/_dbs_info"): _object(("keys",), keys=_list(TEXT)),
    ("POST", "/_replicate"): REPLICATION,
    ("POST", "/{db}"): DOCUMENT,
    ("PUT", "/{db}/_security"): _object(admins=NAMES, members=NAMES),
    ("PUT", "/{db}/_revs_limit"): {"type": "integer", "minimum": 1},
    ("PUT", "/{db}/_purged_infos_limit"): {"type": "integer", "minimum": 1},
    ("POST", "/{db}/_changes"): _object(doc_ids=_list(TEXT), selector=OBJECT),
    ("POST", "/{db}/_bulk_docs"): _object(("docs",), docs=_list(DOCUMENT), new_edits=BOOLEAN),
    ("POST", "/{db}/_bulk_get"): _object(("docs",), docs=_list(_object(("id",), id=TEXT, rev=REV))),
    ("POST", "/{db}/_revs_diff"): REVS_BY_ID,
    ("POST", "/{db}/_missing_revs"): REVS_BY_ID,
    ("POST", "/{db}/_purge"): REVS_BY_ID,
    ("POST", "/{db}/_conflicts"): LISTING,
    ("POST", "/{db}/_resolve"): _object(ids=_list(TEXT), docs=_list(OBJECT), merge=TEXT, limit=COUNT, dry_run=BOOLEAN),
    ("POST", "/{db}/_find"): FIND,
    ("POST", "/{db}/_explain"): FIND,
    ("POST", "/{db}/_index"): _object(("index",), index=OBJECT, ddoc=TEXT, name=TEXT, type=TEXT, unique=BOOLEAN),
    ("POST", "/{db}/_index/_bulk_delete"): _object(("docids",), docids=_list(TEXT)),
    ("PUT", "/{db}/{doc}"): DOCUMENT,
    ("POST", "/{db}/{doc}/_resolve"): RESOLUTION,
    ("POST", "/_search_analyze"): _object(("analyzer", "text"), analyzer={}, text=TEXT),
    ("POST", "/{db}/_design/{doc}/_search/{index}"): SEARCH,
    ("POST", "/{db}/_design/{doc}/_view/{view}"): LISTING,
    ("POST", "/{db}/_design/{doc}/_view/{view}/queries"): QUERIES,
    **{("POST", f"/{{db}}/{name}"): LISTING for name in ("_all_docs", "_design_docs", "_local_docs")},
    **{("POST", f"/{{db}}/{name}/queries"): QUERIES for name in ("_all_docs", "_design_docs", "_local_docs")},
    ("PUT", "/_node/{name}/_config/{section}/{key}"): TEXT,
    ("PUT", "/_api/v2/user/config/cors"): OBJECT,
    ("PUT", "/_api/v2/db/{db}/_security"): _object(
        ("cloudant",),
        cloudant={"type": "object", "additionalProperties": _list(TEXT)},
        couchdb_auth_only=BOOLEAN,
        admins=NAMES,
        members=NAMES,
    ),
}
"""Method and path (as in the route table) -> a JSON body."""

BYTES: Final = frozenset({("PUT", "/{db}/{doc}/{path...}"), ("PATCH", "/{db}/_uploads/{uuid}")})
"""Endpoints whose body is any bytes."""


def plain(pattern: str) -> str:
    """The path of a document that stands for that of a design document, and for a local one's."""
    for spelled in ("/_design/{doc}", "/_design%2F{doc}", "/_local/{doc}", "/_local%2F{doc}"):
        if pattern.startswith("/{db}" + spelled) and not pattern.startswith("/{db}/_design/{doc}/_view"):
            return pattern.replace(spelled, "/{doc}", 1)
    return pattern
