"""The nasty requests: each once found, or likely, to keep the event loop from everybody else.

A new endpoint gets an entry here, or ``EXEMPT`` says why it cannot be nasty; ``test_catalogue.py`` compares both with
the route table. Bodies are made when they are needed, for they are large.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

PROBLEMS = {"Accept": "application/problem+json"}
GZIP = {"Content-Encoding": "gzip"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TUS = {"Tus-Resumable": "1.0.0"}
DB = "/nasty"
PARTED = "/parted"
"""A partitioned database, all of whose documents are in one partition."""


@dataclass(frozen=True)
class Scale:
    """How nasty: ``leaves`` of one document, ``mega`` bytes of another, how long lists are; ``uploads`` are open."""

    leaves: int = 20_000
    mega: int = 7_000_000
    keys: int = 10_000
    revs: int = 500_000
    rows: int = 200_000
    bulk: int = 100_000
    wanted: int = 20_000
    uploads: int = 100_000


SMALL = Scale(leaves=40, mega=100_000, keys=50, revs=500, rows=100, bulk=100, wanted=50, uploads=20)

Body = Callable[[Scale], bytes]


@dataclass(frozen=True)
class Nasty:
    """One request. ``{rev}`` in its path is the winner of ``rev_of``, ``{first}`` what ``half`` was."""

    name: str
    method: str
    path: str
    body: Body | None = None
    headers: dict[str, str] = field(default_factory=dict)
    rev_of: str = ""

    @property
    def segments(self) -> list[str]:
        return [part for part in self.path.partition("?")[0].split("/") if part]


def text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def hexes(number: int) -> str:
    return f"{number:032x}"


def leaf_revs(scale: Scale) -> list[str]:
    return [f"2-{hexes(number)}" for number in range(scale.leaves)]


def leaf_batches(scale: Scale, size: int = 500) -> Iterator[bytes]:
    """Bodies of ``_bulk_docs`` that make the document of many leaves."""
    for start in range(0, scale.leaves, size):
        docs = [
            {"_id": "leaves", "n": number, "_revisions": {"start": 2, "ids": [hexes(number), hexes(7)]}}
            for number in range(start, min(start + size, scale.leaves))
        ]
        yield text({"new_edits": False, "docs": docs})


def many_batches(scale: Scale, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, scale.keys, size):
        yield text(
            {"docs": [{"_id": f"k{number:06}", "n": number} for number in range(start, start + min(size, scale.keys))]}
        )


def parted_batches(scale: Scale, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, scale.keys, size):
        yield text(
            {
                "docs": [
                    {"_id": f"p:k{number:06}", "n": number} for number in range(start, start + min(size, scale.keys))
                ]
            }
        )


def large(scale: Scale, mark: int = 0) -> bytes:
    """A document of many small parts, one level deeper than a reader in slices cuts."""
    part = text({"name": "a name of some length", "n": 12345, "f": 1.5, "tags": ["red", "green", None, True]})
    count = scale.mega // (len(part) + 1)
    return b'{"mark":%d,"all":{"parts":[%b]}}' % (mark, b",".join([part] * count))


def long_string(scale: Scale) -> bytes:
    """A document of one string with many escapes."""
    return b'{"a":%b}' % text(half(scale, 0).decode() + "\n\u0001\U0001f600")


def array_of(scale: Scale) -> bytes:
    return text({"tags": list(range(1000)), "words": [f"w{number}" for number in range(1000)]})


def half(scale: Scale, mark: int) -> bytes:
    return large(Scale(mega=scale.mega * 4 // 7), mark)


def selecting(selector: object) -> Body:
    return lambda scale: text({"selector": selector})


def wanting(operator: str, field_name: str, make: Callable[[int], object]) -> Body:
    return lambda scale: text({"selector": {field_name: {operator: [make(-1 - n) for n in range(scale.wanted)]}}})


def repeated(combination: str, count: int, condition: object) -> Body:
    return lambda scale: text({"selector": {combination: [condition] * min(count, scale.wanted)}})


def ids(scale: Scale) -> list[str]:
    return [f"k{number:06}" for number in range(scale.keys)]


def numbers(spelled: str) -> Body:
    part = spelled.encode()
    return lambda scale: b'{"n":[%b]}' % b",".join([part] * (min(250 * 1024, scale.mega // 10) // (len(part) + 1)))


def fresh(prefix: str, count: int) -> list[dict[str, object]]:
    return [{"_id": f"{prefix}{number}"} for number in range(count)]


def related(scale: Scale) -> bytes:
    return b"--x\r\nContent-Type: application/json\r\n\r\n%b\r\n--x--" % large(scale)


CHANGES = f"{DB}/_changes"
FUNCTIONS = f"{DB}/_design/nasty"
VIEW = f"{FUNCTIONS}/_view"
SEARCH = f"{FUNCTIONS}/_search/words"
RULED = "/ruled"
CROWD = "/crowd"
"""Where so many documents go that every reading of all would be about them alone."""

DESIGN = {
    "views": {
        "many": {"map": "function(d) { for (var i = 0; i < 10; i++) emit([d.n, i], d._id) }", "reduce": "_count"},
        "javascript": {"map": "function(d) { emit(d.n, 1) }", "reduce": "function(k, v) { return v.length }"},
        "linked": {
            "map": "function(d) { emit(d._id, {_id: d.n % 2000 === 0 ? 'half' : 'k000001'}); "
            "if (d.all) emit(null, {_id: 'leaves'}) }"
        },
        "large": {"map": "function(d) { if (d.all) emit(1, d) }"},
        "keyed": {"map": "function(d) { if (d.all) emit(d, 1) }"},
    },
    "indexes": {
        "words": {
            "index": "function(d) { index('default', d.text || d._id, {store: true}); "
            "index('n', d.n || 0, {facet: true}); index('id', d._id, {facet: true}) }"
        }
    },
    "filters": {"all": "function(d, req) { return d._id.length > 1 }"},
    "shows": {
        "all": "function(d, req) { return toJSON(d) }",
        "request": "function(d, req) { return {json: req} }",
    },
    "updates": {
        "all": "function(d, req) { d.again = (d.again || 0) + 1; return [d, toJSON(d)] }",
        "parsed": "function(d, req) { var doc = JSON.parse(req.body); doc._id = req.uuid; return [doc, 'done'] }",
    },
    "lists": {"all": "function(head, req) { var row; while (row = getRow()) send(toJSON(row)) }"},
    "rewrites": "function(req) { return {path: '../../rewritten', method: 'PUT', body: req.body} }",
}
RULE = {"validate_doc_update": "function(doc, old, user, security) { if (doc.bad) throw({forbidden: toJSON(doc)}) }"}
SELECTED = f"{CHANGES}?filter=_selector"

CATALOGUE: tuple[Nasty, ...] = (
    # what replication asks
    Nasty(
        "_revs_diff, one id",
        "POST",
        f"{DB}/_revs_diff",
        lambda s: text({"leaves": [f"9-{hexes(n)}" for n in range(s.revs)]}),
    ),
    Nasty(
        "_missing_revs, one id",
        "POST",
        f"{DB}/_missing_revs",
        lambda s: text({"none": [f"9-{hexes(n)}" for n in range(s.revs)]}),
    ),
    Nasty("_revs_diff, all leaves", "POST", f"{DB}/_revs_diff", lambda s: text({"leaves": leaf_revs(s)})),
    Nasty("_revs_diff, leaves, one rev", "POST", f"{DB}/_revs_diff", lambda s: text({"leaves": [f"9-{hexes(1)}"]})),
    Nasty(
        "_revs_diff, many ids", "POST", f"{DB}/_revs_diff", lambda s: text({key: [f"9-{hexes(1)}"] for key in ids(s)})
    ),
    Nasty("_bulk_get, many rows", "POST", f"{DB}/_bulk_get", lambda s: text({"docs": [{"id": "x"}] * s.rows})),
    Nasty("_bulk_get, refused rows", "POST", f"{DB}/_bulk_get", lambda s: text({"docs": [{}] * s.rows})),
    Nasty(
        "_bulk_get, all leaves by name",
        "POST",
        f"{DB}/_bulk_get?revs=true",
        lambda s: text({"docs": [{"id": "leaves", "rev": rev} for rev in leaf_revs(s)]}),
    ),
    Nasty("_bulk_get, all leaves", "POST", f"{DB}/_bulk_get", lambda s: text({"docs": [{"id": "leaves"}] * 2})),
    Nasty(
        "_bulk_get, multipart",
        "POST",
        f"{DB}/_bulk_get",
        lambda s: text({"docs": [{"id": "leaves"}]}),
        {"Accept": "multipart/mixed"},
    ),
    # a document of many leaves
    Nasty("open_revs=all", "GET", f"{DB}/leaves?open_revs=all", headers={"Accept": "application/json"}),
    Nasty("open_revs=all, multipart", "GET", f"{DB}/leaves?open_revs=all&revs=true"),
    Nasty("conflicts=true", "GET", f"{DB}/leaves?conflicts=true"),
    Nasty("meta=true", "GET", f"{DB}/leaves?meta=true&revs=true&local_seq=true"),
    Nasty("rev=", "GET", f"{DB}/leaves?rev=2-{hexes(3)}&revs=true"),
    Nasty("latest", "GET", f"{DB}/leaves?rev=1-{hexes(7)}&latest=true&open_revs=%5B%221-{hexes(7)}%22%5D"),
    Nasty("_tree", "GET", f"{DB}/leaves/_tree"),
    Nasty("_tree as text", "GET", f"{DB}/leaves/_tree?format=text"),
    Nasty("_tree as svg", "GET", f"{DB}/leaves/_tree?format=svg"),
    Nasty("an edit of a leaf", "PUT", f"{DB}/leaves?rev={{rev}}", lambda s: b'{"n":1}', rev_of="leaves"),
    Nasty("a stale edit, explained", "PUT", f"{DB}/leaves", lambda s: b'{"n":2}', PROBLEMS),
    Nasty("deletion of a leaf", "DELETE", f"{DB}/leaves?rev={{rev}}", rev_of="leaves"),
    Nasty("COPY of a leaf", "COPY", f"{DB}/leaves?rev=2-{hexes(3)}", headers={"Destination": "copied"}),
    Nasty(
        "_resolve, preview",
        "POST",
        f"{DB}/leaves/_resolve?dry_run=true",
        lambda s: text({"leaves": leaf_revs(s), "keep": "winner"}),
    ),
    Nasty(
        "_resolve, a stale list",
        "POST",
        f"{DB}/leaves/_resolve",
        lambda s: text({"leaves": leaf_revs(s)[1:], "keep": "winner"}),
        PROBLEMS,
    ),
    Nasty(
        "_resolve, one of many",
        "POST",
        f"{DB}/_resolve?dry_run=true",
        lambda s: text({"ids": ["leaves"], "keep": "winner"}),
    ),
    Nasty("_resolve, many ids", "POST", f"{DB}/_resolve", lambda s: text({"ids": ids(s)[:1000], "keep": "winner"})),
    Nasty(
        "a leaf more",
        "PUT",
        f"{DB}/leaves?new_edits=false",
        lambda s: text({"_rev": f"3-{hexes(5)}", "_revisions": {"start": 3, "ids": [hexes(5), hexes(3), hexes(7)]}}),
    ),
    # listings
    Nasty("_changes, conflicts", "GET", f"{CHANGES}?include_docs=true&conflicts=true"),
    Nasty("_changes, all leaves", "GET", f"{CHANGES}?style=all_docs"),
    Nasty(
        "_changes, backwards, conflicts_only", "GET", f"{CHANGES}?descending=true&conflicts_only=true&include_docs=true"
    ),
    Nasty("_changes, doc_ids", "POST", f"{CHANGES}?filter=_doc_ids", lambda s: text({"doc_ids": ids(s)})),
    Nasty("_all_docs, conflicts", "GET", f"{DB}/_all_docs?include_docs=true&conflicts=true"),
    Nasty(
        "_all_docs, keys", "POST", f"{DB}/_all_docs?include_docs=true&conflicts=true", lambda s: text({"keys": ids(s)})
    ),
    Nasty(
        "_all_docs, keys of leaves",
        "POST",
        f"{DB}/_all_docs?include_docs=true&conflicts=true",
        lambda s: text({"keys": ["leaves"] * 20}),
    ),
    Nasty(
        "_all_docs, queries", "POST", f"{DB}/_all_docs/queries", lambda s: text({"queries": [{"limit": 1}] * s.keys})
    ),
    Nasty("_conflicts", "GET", f"{DB}/_conflicts?include_docs=true"),
    Nasty("_conflicts, keys", "POST", f"{DB}/_conflicts", lambda s: text({"keys": ids(s)})),
    Nasty("_dbs_info", "POST", "/_dbs_info", lambda s: text({"keys": ["nasty"] * 100})),
    # selectors
    Nasty("$in of numbers", "POST", SELECTED, wanting("$in", "tags", lambda n: n)),
    Nasty("$in of words", "POST", SELECTED, wanting("$in", "words", lambda n: f"x{n}")),
    Nasty("$nin of arrays", "POST", SELECTED, wanting("$nin", "tags", lambda n: [n, n])),
    Nasty("$all", "POST", SELECTED, wanting("$all", "tags", lambda n: n)),
    Nasty(
        "$elemMatch by the thousand",
        "POST",
        SELECTED,
        repeated("$and", 5_000, {"tags": {"$not": {"$elemMatch": {"$gt": 5_000}}}}),
    ),
    Nasty("$allMatch in $or", "POST", SELECTED, repeated("$or", 1_000, {"tags": {"$allMatch": {"$lt": 999}}})),
    Nasty("$or of words", "POST", SELECTED, repeated("$or", 500, {"words": {"$elemMatch": {"$eq": "none"}}})),
    Nasty("a selector over everything", "POST", f"{SELECTED}&style=all_docs", selecting({"n": {"$gt": -1}})),
    Nasty(
        "fields of a large document",
        "POST",
        SELECTED,
        lambda s: text({"selector": {"mark": 0}, "fields": ["all.parts.7.n", "_id"]}),
    ),
    # large documents
    Nasty("PUT of a large document", "PUT", f"{DB}/large2", large),
    Nasty("PUT of a long string", "PUT", f"{DB}/long", long_string),
    Nasty("GET of a long string", "GET", f"{DB}/long?revs=true"),
    Nasty("_bulk_docs of a long string", "POST", f"{DB}/_bulk_docs", lambda s: b'{"docs":[%b]}' % long_string(s)),
    Nasty("PUT, gzipped", "PUT", f"{DB}/large3", lambda s: zlib.compress(large(s), level=0, wbits=31), GZIP),
    Nasty("PUT as multipart", "PUT", f"{DB}/large4", related, {"Content-Type": 'multipart/related; boundary="x"'}),
    Nasty("POST of a large document", "POST", DB, large),
    Nasty("GET of a large document", "GET", f"{DB}/large?revs=true&attachments=true"),
    Nasty(
        "PUT of an attachment",
        "PUT",
        f"{DB}/large/one?rev={{rev}}",
        lambda s: b"x" * 1000,
        {"Content-Type": "text/plain"},
        rev_of="large",
    ),
    Nasty("GET of an attachment", "GET", f"{DB}/large/one"),
    Nasty("DELETE of an attachment", "DELETE", f"{DB}/large/one?rev={{rev}}", rev_of="large"),
    Nasty("COPY", "COPY", f"{DB}/large", headers={"Destination": "large-copy"}),
    Nasty(
        "PUT of a large attachment",
        "PUT",
        f"{DB}/attached/one",
        lambda s: b"abc " * s.mega,
        {"Content-Type": "text/plain"},
    ),
    Nasty("PUT of a large _local", "PUT", f"{DB}/_local/large", lambda s: half(s, 0)),
    Nasty("GET of a large _local", "GET", f"{DB}/_local/large"),
    Nasty("_local_docs", "GET", f"{DB}/_local_docs?include_docs=true"),
    Nasty("DELETE of a large _local", "DELETE", f"{DB}/_local/large"),
    Nasty("4 MB against 4 MB, explained", "PUT", f"{DB}/half?rev={{first}}", lambda s: half(s, 3), PROBLEMS),
    Nasty(
        "4 MB against 4 MB, lenient",
        "PUT",
        f"{DB}/half?rev={{first}}",
        lambda s: half(s, 4),
        {"Prefer": "handling=lenient"},
    ),
    Nasty("250 KiB of floats", "PUT", f"{DB}/floats", numbers("1.5")),
    Nasty("250 KiB of powers", "PUT", f"{DB}/powers", numbers("1e5")),
    Nasty("250 KiB of integers", "PUT", f"{DB}/integers", numbers("7")),
    Nasty("250 KiB of strings", "PUT", f"{DB}/strings", numbers('"\\u0001"')),
    Nasty("250 KiB of objects", "PUT", f"{DB}/objects", numbers('{"a":[]}')),
    Nasty("250 KiB of floats, _local", "PUT", f"{DB}/_local/floats", numbers("1.5")),
    Nasty("250 KiB of floats in _security", "PUT", f"{DB}/_security", numbers("1.5")),
    # many documents
    Nasty("_bulk_docs", "POST", f"{CROWD}/_bulk_docs", lambda s: text({"docs": [{}] * s.bulk})),
    Nasty(
        "_bulk_docs, refused", "POST", f"{DB}/_bulk_docs", lambda s: text({"docs": [{"_id": key} for key in ids(s)]})
    ),
    Nasty(
        "_bulk_docs, refused, explained",
        "POST",
        f"{DB}/_bulk_docs",
        lambda s: text({"docs": [{"_id": key} for key in ids(s)[:1000]]}),
        PROBLEMS,
    ),
    Nasty(
        "_bulk_docs, replicated",
        "POST",
        f"{DB}/_bulk_docs",
        lambda s: text(
            {"new_edits": False, "docs": [{"_id": f"r{n}", "_rev": f"1-{hexes(1)}"} for n in range(s.keys)]}
        ),
    ),
    Nasty("_bulk_docs of one large", "POST", f"{DB}/_bulk_docs", lambda s: b'{"docs":[%b]}' % large(s)),
    Nasty(
        "_bulk_docs, remembered",
        "POST",
        f"{DB}/_bulk_docs",
        lambda s: text({"docs": fresh("i", s.keys)}),
        {"Idempotency-Key": "one"},
    ),
    Nasty("_purge", "POST", f"{DB}/_purge", lambda s: text({key: [f"1-{hexes(1)}"] for key in ids(s)[:100]})),
    Nasty("_purge of leaves", "POST", f"{DB}/_purge", lambda s: text({"leaves": leaf_revs(s)[100:1100]})),
    Nasty("_purged_infos", "GET", f"{DB}/_purged_infos"),
    Nasty(
        "_replicate",
        "POST",
        "/_replicate",
        lambda s: text({"source": "nasty", "target": "again", "create_target": True}),
    ),
    Nasty(
        "_replicate by a selector",
        "POST",
        "/_replicate",
        lambda s: text(
            {
                "source": "nasty",
                "target": "picked",
                "create_target": True,
                "selector": {"tags": {"$in": list(range(-s.wanted, 0))}},
            }
        ),
    ),
    Nasty("_session", "POST", "/_session", lambda s: text({"name": "x", "password": "y", "more": "z" * s.mega})),
    Nasty("_session, a form", "POST", "/_session", lambda s: b"&a" * (s.mega // 2), FORM),
    Nasty("a setting", "PUT", "/_node/_local/_config/a/b", lambda s: text("z" * s.mega)),
    Nasty("_compact", "POST", f"{DB}/_compact", lambda s: b"{}"),
    Nasty("_find", "POST", f"{DB}/_find", lambda s: text({"selector": {"n": list(range(s.rows))}})),
    Nasty("a partition", "GET", f"{PARTED}/_partition/p"),
    Nasty("documents of a partition", "GET", f"{PARTED}/_partition/p/_all_docs?include_docs=true"),
    Nasty("_find of all", "POST", f"{DB}/_find", lambda s: text({"selector": {"tags": 1}, "limit": s.rows})),
    Nasty("_find of everything", "POST", f"{DB}/_find", lambda s: text({"selector": {}, "limit": s.rows})),
    Nasty(
        "_explain",
        "POST",
        f"{DB}/_explain",
        lambda s: text({"selector": {"$and": [{f"f{n}": {"$gt": n}} for n in range(s.keys)]}}),
    ),
    Nasty("_index", "POST", f"{DB}/_index", lambda s: text({"index": {"fields": [f"f{n}" for n in range(s.keys)]}})),
    Nasty("_index/_bulk_delete", "POST", f"{DB}/_index/_bulk_delete", lambda s: text({"docids": ["x"] * s.keys})),
    Nasty(
        "an upload",
        "POST",
        f"{DB}/uploaded/one",
        lambda s: b"abc " * s.mega,
        {"Content-Type": "application/octet-stream", "Upload-Complete": "?1"},
    ),
    Nasty("an upload by tus", "POST", f"{DB}/uploaded/two", headers=TUS | {"Upload-Length": "7"}),
    Nasty("the description of the API", "GET", "/_docstore/openapi.json"),
    # what design documents make
    Nasty("a view, built", "GET", f"{VIEW}/many?limit=1"),
    Nasty("a view", "GET", f"{VIEW}/many?reduce=false"),
    Nasty(
        "a view, backwards, with documents", "GET", f"{VIEW}/linked?descending=true&include_docs=true&conflicts=true"
    ),
    Nasty("a view, groups", "GET", f"{VIEW}/many?group=true"),
    Nasty("a view, groups by a function", "GET", f"{VIEW}/javascript?group=true"),
    Nasty("a view, skip", "GET", f"{VIEW}/many?reduce=false&skip=90000000&limit=1"),
    Nasty(
        "a view, keys", "POST", f"{VIEW}/many", lambda s: text({"keys": [[n] for n in range(s.keys)], "reduce": False})
    ),
    Nasty(
        "a view, keys in groups",
        "POST",
        f"{VIEW}/many",
        lambda s: text({"keys": [[n] for n in range(s.keys)], "group": True}),
    ),
    Nasty(
        "a view, queries",
        "POST",
        f"{VIEW}/many/queries",
        lambda s: text({"queries": [{"limit": 1, "reduce": False}] * s.keys}),
    ),
    Nasty(
        "a view, reductions by the thousand",
        "POST",
        f"{VIEW}/javascript/queries",
        lambda s: text({"queries": [{}] * (s.keys // 10)}),
    ),
    Nasty("a search", "GET", f"{SEARCH}?q=*:*&limit=200&include_docs=true&counts=[%22id%22]&sort=%22-n%22"),
    Nasty(
        "a long search",
        "POST",
        SEARCH,
        lambda s: text({"q": " OR ".join(["(k*)", "/k.*1/", "k1~"] * min(s.keys, 300)), "group_field": "id"}),
    ),
    Nasty("a search with large brackets", "POST", SEARCH, lambda s: text({"q": "(" * min(s.mega, 60_000)})),
    Nasty(
        "analysis of a large text",
        "POST",
        "/_search_analyze",
        lambda s: text({"analyzer": "english", "text": "running words " * (s.mega // 14)}),
    ),
    Nasty("a view of large rows", "GET", f"{VIEW}/large"),
    Nasty("a view of large keys", "GET", f"{VIEW}/keyed"),
    Nasty("a filter", "GET", f"{CHANGES}?filter=nasty/all&style=all_docs"),
    Nasty("a filter by a view", "GET", f"{CHANGES}?filter=_view&view=nasty/many&style=all_docs"),
    Nasty("a show of a large document", "GET", f"{FUNCTIONS}/_show/all/large"),
    Nasty("a show of a long string", "GET", f"{FUNCTIONS}/_show/all/long"),
    Nasty("a show of many leaves", "GET", f"{FUNCTIONS}/_show/all/leaves"),
    Nasty("a show of a large request", "POST", f"{FUNCTIONS}/_show/request", large),
    Nasty("a show of garbage", "POST", f"{FUNCTIONS}/_show/request", lambda s: b"\x80\xff" * (s.mega * 2)),
    Nasty("a show of many fields", "POST", f"{FUNCTIONS}/_show/request", lambda s: b"&a" * (s.mega // 2), FORM),
    Nasty(
        "a show of a large field", "POST", f"{FUNCTIONS}/_show/request", lambda s: b"a=" + b"%41" * (s.mega // 3), FORM
    ),
    Nasty("an update of a large document", "POST", f"{FUNCTIONS}/_update/all/large"),
    Nasty("an update of a large request", "POST", f"{FUNCTIONS}/_update/parsed", large),
    Nasty("a list", "GET", f"{FUNCTIONS}/_list/all/many?reduce=false"),
    Nasty("a list of large rows", "GET", f"{FUNCTIONS}/_list/all/large"),
    Nasty("a list of documents", "GET", f"{FUNCTIONS}/_list/all/linked?include_docs=true"),
    Nasty("a list of groups", "GET", f"{FUNCTIONS}/_list/all/many?group=true"),
    Nasty("a rewrite", "POST", f"{FUNCTIONS}/_rewrite/all", large),
    Nasty("a rule, large", "PUT", f"{RULED}/large", large),
    Nasty("a rule, many", "POST", f"{RULED}/_bulk_docs", lambda s: text({"docs": fresh("m", s.keys)})),
    Nasty(
        "a rule, replicated",
        "POST",
        f"{RULED}/_bulk_docs",
        lambda s: text(
            {"new_edits": False, "docs": [{"_id": f"r{n}", "_rev": f"1-{hexes(1)}"} for n in range(s.keys)]}
        ),
    ),
    Nasty(
        "a design document, large",
        "PUT",
        f"{RULED}/_design/large",
        lambda s: large(s)[:-1] + b',"views":{"v":{"map":"x => 1"}}}',
    ),
    Nasty("deletion of all", "DELETE", "/again"),
)

EXEMPT: dict[str, str] = {
    "root.welcome": "a constant",
    "indexes.list_indexes": "indexes are counted in dozens; design documents are read in a thread",
    "indexes.remove_index": "an edit of a design document, made in a thread",
    "indexes.nothing_there": "a constant",
    "root.favicon": "a constant",
    "web_page.to_page": "a file of the package or of --utils, read once, in a thread",
    "web_page.page_file": "a file of the package or of --utils, read once, in a thread",
    "root.up": "a constant",
    "root.uuids": "at most max_uuids",
    "session.show": "what the cookie says",
    "session.logout": "a header",
    "root.all_dbs": "a scan in slices, as _all_docs; databases are counted in hundreds",
    "root.dbs_info": "as _all_dbs",
    "db_updates.get_db_updates": "as _changes; a few rows a database",
    "root.membership": "a constant",
    "root.active_tasks": "what runs, which max_jobs bounds",
    "root.cluster_setup": "a constant",
    "scheduler.jobs": "what runs, in turns",
    "scheduler.job": "one of what runs",
    "scheduler.docs": "what runs, in turns",
    "config.all_sections": "at most max_settings, and the table",
    "config.section": "as all of them",
    "config.value": "a word",
    "config.delete_value": "a word; the file is written in a thread",
    "config.reload": "at most max_settings_bytes, read in a thread",
    "cors_settings.cors_settings": "three words",
    "shards.shards": "ranges are made and sent a thousand at a time",
    "shards.shard_of": "the CRC of an id",
    "shards.sync_shards": "a constant",
    "granting.security": "the security object, as databases.security",
    "granting.set_security": "as databases.set_security; the roles are looked at in a thread",
    "cors_settings.set_cors_settings": "as the setting of any word",
    "node_endpoints.name": "a constant",
    "node_endpoints.statistics": "counters",
    "node_endpoints.system": "counters",
    "node_endpoints.versions": "a constant",
    "telemetry.prometheus": "counters, printed in a thread",
    "telemetry.conflict_stats": "a table of bounded size",
    "telemetry.log": "a list of bounded size, printed in a thread",
    "refusals.no_node_name": "refused unread",
    "refusals.no_local_id": "refused unread",
    "refusals.no_local_attachment": "refused unread",
    "refusals.design_path": "a redirect",
    "databases.create": "one row",
    "databases.info": "one row",
    "partitions.no_partition": "refused unread",
    "partitions.not_posted": "refused unread",
    "databases.security": "one row",
    "databases.set_revs_limit": "a number",
    "databases.revs_limit": "a number",
    "databases.set_purged_infos_limit": "a number",
    "databases.purged_infos_limit": "a number",
    "maintenance.compact_design": "refused",
    "maintenance.view_cleanup": "nothing to do",
    "maintenance.ensure_full_commit": "waits for the writer",
    "form_documents.post_form": "files as PUT of an attachment, by the same receiver; the document as in PUT of one",
    "refusals.no_temporary_view": "refused unread",
    "views.info": "counters",
    "views.no_view_name": "refused unread",
    "shows.no_show": "refused unread",
    "shows.no_update": "refused unread",
    "lists.no_list": "refused unread",
    "searches.no_index": "refused unread",
    "searches.info": "two numbers, and a folder that a thread looks at",
    "searches.disk_size": "as _search_info",
    "searches.clean_up": "design documents are read in a thread, folders removed in one",
    "searches.get_analyze": "a worker analyzes; at most max_url",
    "refusals.no_nouveau": "refused unread",
    "refusals.view_method": "refused unread",
    "protocols.options": "a constant",
    "protocols.show": "one row",
    "protocols.append": "as PUT of an attachment: the same receiver",
    "protocols.complete": "as an upload in one request",
    "protocols.cancel": "as the deletion of an attachment's bytes, which the collector does in steps",
}

OF_CLOUDANT: dict[str, str] = {
    "root.show_session": "what the cookie or the token says",
    "root.login": "session.login, or a constant",
    "tokens.token": "a form of at most max_login_form",
    "tokens.show": "what the token says",
    "tokens.login": "JSON of at most max_login_form",
    "tokens.logout": "a header",
    "account.make_api_key": "one document, as POST of one; its password is hashed by a worker",
    "account.capacity": "two numbers",
    "account.set_capacity": "as the setting of any word",
    "account.throughput": "what was taken within a second",
    "account.database_capacity": "a number",
    "account.databases": "a scan in slices, as _all_dbs",
    "account.events": "two words",
    "account.set_events": "as the setting of any word; names that are not known end it",
    "attachments.put_attachment": "as uploads.put_attachment, in one request",
}
"""The same of endpoints that a server has as Cloudant alone."""


def bodies_of(entries: Iterable[Nasty], scale: Scale) -> Iterator[tuple[Nasty, bytes]]:
    for entry in entries:
        yield entry, b"" if entry.body is None else entry.body(scale)
