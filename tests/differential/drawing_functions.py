"""Steps about functions of design documents: shows, lists, updates, rewrites, and filters of ``_changes``.

The design document is written once, at the beginning: CouchDB remembers design documents for a moment, and a request
that writes cannot be asked again until it has heard of a new one. A validate function is not among them for the same
reason.
"""

import json
from typing import Any

from tests.differential.drawing import RAW_CONTENTS, Draw
from tests.differential.drawing_documents import Pairs
from tests.differential.knowledge import DOCUMENTS
from tests.differential.steps import Json, Step, Text

DOCUMENT = DOCUMENTS.index("_design/f")
TOLD = "{id: req.id, method: req.method, query: req.query, form: req.form, body: req.body, path: req.path.slice(1)}"
SHOWS = {
    "text": "function(doc, req) { return 'v=' + (doc ? toJSON(doc) : req.id); }",
    "told": f"function(doc, req) {{ return {{json: {TOLD}}}; }}",
    "coded": "function(doc, req) { return {code: 203, headers: {'X-Test': 'a', 'Content-Type': 'a/x'}, body: 'b'}; }",
    "base64": "function(doc, req) { return {base64: 'aGVsbG8=', headers: {'Content-Type': 'image/png'}}; }",
    "thrown": "function(doc, req) { throw(['error', 'odd', toJSON(req.query)]); }",
    "gone": "function(doc, req) { throw(['not_found', 'no such thing']); }",
    "forbidden": "function(doc, req) { throw({forbidden: 'not you'}); }",
    "provides": "function(doc, req) { provides('json', function() { return toJSON(doc); });"
    " provides('html', function() { return '<p>'; }); }",
    "nothing": "function(doc, req) { }",
    "wrong": "function(doc, req) { return {code: 200, odd: 1}; }",
}
LISTS = {
    "rows": "function(head, req) { start({headers: {'Content-Type': 'text/plain', 'X-Test': 'l'}});"
    " var row; send(toJSON(head.total_rows || 0)); while (row = getRow()) send(toJSON(row) + '\\n'); return 'end'; }",
    "first": "function(head, req) { var row = getRow(); return row ? toJSON(row.key) : 'none'; }",
    "told": "function(head, req) { return toJSON([req.query, req.method, req.id]); }",
    "coded": "function(head, req) { start({code: 201, headers: {'Content-Type': 'a/b'}}); return 'x'; }",
    "provides": "function(head, req) { provides('json', function() { send('['); var row, more = '';"
    " while (row = getRow()) { send(more + toJSON(row.id)); more = ','; } return ']'; });"
    " provides('text', function() { return 'text'; }); }",
    "thrown": "function(head, req) { throw(['error', 'odd', 'list']); }",
}
UPDATES = {
    "bump": "function(doc, req) { if (!doc) return [null, 'none ' + req.id];"
    " doc.v = (typeof doc.v == 'number' ? doc.v : 0) + 1; return [doc, toJSON(doc.v)]; }",
    "make": "function(doc, req) { return [{_id: req.id || 'zz', v: 2}, {json: [doc], headers: {'X-Test': 'u'}}]; }",
    "told": f"function(doc, req) {{ return [null, {{json: {TOLD}, code: 202}}]; }}",
    "odd": "function(doc, req) { return [{_id: 'kb', v: 1}, 'odd']; }",
    "thrown": "function(doc, req) { throw({forbidden: 'no'}); }",
    "bare": "function(doc, req) { return [doc]; }",
}
FILTERS = {
    "odd": "function(doc, req) { return doc.v % 2 == 1; }",
    "asked": "function(doc, req) { return !req.query.v || toJSON(doc.v) === req.query.v; }",
    "deleted": "function(doc, req) { return !!doc._deleted; }",
}
VIEWS: dict[str, dict[str, str]] = {
    "one": {"map": "function(doc) { emit(doc.v, doc.w); }"},
    "sum": {"map": "function(doc) { emit([doc.v, doc._id], 1); }", "reduce": "_count"},
    "some": {"map": "function(doc) { if (doc.v === 1) emit(null, null); }"},
}
REWRITES: tuple[dict[str, Any], ...] = (
    {"from": "/doc/:id", "to": "../../:id", "method": "*"},
    {"from": "/all", "to": "../../_all_docs", "query": {"limit": "2"}},
    {"from": "/show/:name/*", "to": "_show/:name/*"},
    {"from": "/view/:key", "to": "_view/one", "query": {"key": ":key"}},
    {"from": "/list/:list/:view", "to": "_list/:list/:view", "method": "GET"},
    {"from": "/get", "to": "../../ka", "method": "GET"},
    {"from": "/rest/*", "to": "../../*"},
)
REWRITTEN = (
    "doc/ka", "doc/nope", "doc/k%20d", "all", "show/told/kb", "show/text", "view/1", "view/x", "list/rows/one", "get",
    "rest/kb", "rest/_all_docs", "nope", "", "list/told/sum",
)  # fmt: skip
PARAMETERS: Pairs = [("a", "b"), ("a", "ü"), ("v", "1"), ("x", None), ("key", "1"), ("a b", "c+d"), ("rev", "1-a")]
LIST_PARAMETERS: Pairs = [
    ("key", "1"), ("limit", "1"), ("skip", "1"), ("descending", "true"), ("group", "true"), ("reduce", "false"),
    ("startkey", "1"), ("include_docs", "true"), ("keys", "[1,2]"), ("limit", "x"),
]  # fmt: skip
ACCEPTED = ("application/json", "text/html", "*/*", "text/plain;q=0.5, application/json", "image/png")


def design(draw: Draw) -> Step:
    """PUT of the design document, new."""
    body: dict[str, Any] = {
        "shows": SHOWS, "lists": LISTS, "updates": UPDATES, "filters": FILTERS, "views": VIEWS,
        "rewrites": list(REWRITES), "options": {"partitioned": False},
    }  # fmt: skip
    return Step("document.put", "PUT", draw.path(DOCUMENT), (), (), Json(body))


def show(draw: Draw) -> Step:
    """A show, of a document or of none."""
    path = _path(draw, "_show", SHOWS) + draw.choice(("", "/${name}", "/${name}", "/${name}")).replace(
        "${name}", _document(draw)
    )
    method = draw.choices(("GET", "POST", "PUT", "HEAD"), (80, 12, 4, 4))[0]
    return _asked(draw, "function.show", method, path)


def list_(draw: Draw) -> Step:
    """A list over a view of the same design document, or of another."""
    view = draw.choice((*VIEWS, *VIEWS, "nope", "f/one", "g/one"))
    path = f"{_path(draw, '_list', LISTS)}/{view}"
    query: Pairs = []
    if draw.chance(0.4):
        query.append(draw.choice(LIST_PARAMETERS))
    step = _asked(draw, "function.list", "GET", path)
    if draw.chance(0.15):
        body = Json({"keys": [draw.randint(0, 3)]})
        step = Step(step.kind, "POST", step.path, step.query, (), body)
    return Step(step.kind, step.method, step.path, (*step.query, *query), step.headers, step.body)


def update(draw: Draw) -> Step:
    """An update, of a document or of none."""
    named = draw.chance(0.8)
    path = _path(draw, "_update", UPDATES) + (f"/{_document(draw)}" if named else "")
    return _asked(draw, "function.update", draw.choices(("POST", "PUT", "GET"), (45, 45, 10))[0], path)


def rewrite(draw: Draw) -> Step:
    """A request that rules turn into another."""
    path = f"{draw.path(DOCUMENT)}/_rewrite/{draw.choice(REWRITTEN)}"
    return _asked(draw, "function.rewrite", "GET" if draw.chance(0.9) else "HEAD", path)


def changes(draw: Draw) -> Step:
    """A feed that a function filters."""
    query: Pairs = [("filter", f"f/{draw.choice((*FILTERS, *FILTERS, 'nope'))}")]
    if draw.chance(0.3):
        query = [("filter", "_view"), ("view", draw.choice(("f/some", "f/one", "f/nope", "f", "")))]
    if draw.chance(0.3):
        query.append(("v", str(draw.randint(0, 3))))
    if draw.chance(0.3):
        query.append(draw.choice((("include_docs", "true"), ("style", "all_docs"), ("descending", "true"))))
    if draw.chance(0.3):
        query.append(("since", draw.choice(("${seq:0}", "${seq:2}", "0", "now"))))
    draw.shuffle(query)
    return Step("changes", "GET", "/${db}/_changes", tuple(query))


def _path(draw: Draw, kind: str, functions: dict[str, str]) -> str:
    name = draw.choice(sorted(functions)) if draw.chance(0.97) else "nope"
    return f"{draw.path(DOCUMENT)}/{kind}/{name}"


def _document(draw: Draw) -> str:
    return (
        draw.path(draw.document()).removeprefix("/${db}/") if draw.chance(0.93) else draw.choice(("nope", "k/e", "_x"))
    )


def _asked(draw: Draw, kind: str, method: str, path: str) -> Step:
    query = tuple(draw.sample(PARAMETERS, draw.choice((0, 0, 1, 2))))
    headers: tuple[tuple[str, str], ...] = (("Accept", draw.choice(ACCEPTED)),) if draw.chance(0.5) else ()
    if method in {"GET", "HEAD"}:
        return Step(kind, method, path, query, headers)
    how = draw.random()
    if how < 0.3:
        form = (("Content-Type", "application/x-www-form-urlencoded"),)
        return Step(kind, method, path, query, (*headers, *form), Text("a=b&c=d+e&f=%C3%BC", binary=True))
    if how < 0.7:
        return Step(kind, method, path, query, headers, Text(json.dumps(draw.content())))
    body = Text(draw.choice(RAW_CONTENTS[:2]), binary=True)
    return Step(kind, method, path, query, (*headers, ("Content-Type", "text/plain")), body)
