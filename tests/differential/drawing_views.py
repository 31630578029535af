"""Steps about views: design documents that have some, and queries of them with all their parameters."""

import json
from typing import Any

from tests.differential.drawing import Draw
from tests.differential.drawing_documents import Pairs
from tests.differential.drawing_listings import key as doc_key
from tests.differential.knowledge import DOCUMENTS
from tests.differential.steps import Json, Step

DESIGNS = tuple(DOCUMENTS.index(name) for name in ("_design/v", "_design/w"))
VIEWS: dict[str, dict[str, str]] = {
    "one": {"map": "function(doc) { emit(doc.v, doc.w); }"},
    "pair": {"map": "function(doc) { emit([doc.v, doc._id], 1); }", "reduce": "_sum"},
    "two": {"map": "function(doc) { emit(doc._id, doc.v); emit(doc.v, null); }", "reduce": "_count"},
    "some": {"map": "function(doc) { if (typeof doc.v == 'number') emit(doc.v % 2, doc.v); }", "reduce": "_stats"},
}
OPTIONS: tuple[Any, ...] = (
    {"partitioned": False}, {"partitioned": False}, {"partitioned": True}, {"include_design": False}, {},
    {"partitioned": "x"}, 5,
)  # fmt: skip
FLAGS = ("descending", "inclusive_end", "include_docs", "conflicts", "update_seq")
GROUPS: tuple[Any, ...] = (("group", True), ("group", True), ("group_level", 1), ("group_level", 2), ("group", False))
ODD_PAIRS = (
    ("stale", "ok"), ("stale", "x"), ("stable", "true"), ("update", "x"), ("sorted", "false"), ("foo", "bar"),
    ("keys", "5"), ("keys", "{"), ("key", "ka"), ("limit", "x"), ("group_level", "x"), ("partition", "x"),
    ("partition", "_x"), ("partition", ""),
)  # fmt: skip


def design(draw: Draw) -> Step:
    """PUT of a design document with views."""
    document = draw.choice(DESIGNS)
    names = draw.sample(sorted(VIEWS), draw.randint(1, 4))
    body: dict[str, Any] = {"views": {name: VIEWS[name] for name in names}}
    if draw.chance(0.4):
        body["options"] = draw.choice(OPTIONS)
    if draw.chance(0.85):
        body["_rev"] = f"${{rev:{document}:0}}"
    return Step("document.put", "PUT", draw.path(document), (), (), Json(body))


def view(draw: Draw) -> Step:
    """GET or POST of one view."""
    found = parameters(draw)
    path = _path(draw)
    if draw.chance(0.7):
        query: Pairs = [(name, json.dumps(value, ensure_ascii=False)) for name, value in found.items()]
        if draw.chance(0.06):
            query.append(draw.choice(ODD_PAIRS))
        draw.shuffle(query)
        return Step("view", "GET" if draw.chance(0.96) else "HEAD", path, tuple(query))
    return Step("view", "POST", path, (), (), Json(found))


def views(draw: Draw) -> Step:
    """Several queries in one request."""
    queries = [parameters(draw) for _ in range(draw.randint(0, 3))]
    return Step("view", "POST", _path(draw) + "/queries", (), (), Json({"queries": queries}))


def parameters(draw: Draw) -> dict[str, Any]:
    """The parameters of a view, as JSON."""
    found: dict[str, Any] = {name: draw.chance(0.7) for name in FLAGS if draw.chance(0.12)}
    how = draw.random()
    if how < 0.2:
        found["keys"] = [_key(draw) for _ in range(draw.randint(0, 4))]
    elif how < 0.35:
        found["key"] = _key(draw)
    elif how < 0.65:
        for names in (("startkey", "start_key"), ("endkey", "end_key")):
            if draw.chance(0.6):
                found[draw.choice(names)] = _key(draw)
    if draw.chance(0.35):
        found["reduce"] = draw.chance(0.2)
    if draw.chance(0.35):
        name, value = draw.choice(GROUPS)
        found[name] = value
    if draw.chance(0.2):
        found["limit"] = draw.randint(0, 4)
    if draw.chance(0.15):
        found["skip"] = draw.randint(0, 4)
    return found


def _path(draw: Draw) -> str:
    document = draw.choice(DESIGNS) if draw.chance(0.95) else DOCUMENTS.index("_design/g")
    name = draw.choice(sorted(VIEWS)) if draw.chance(0.97) else "nope"
    return f"{draw.path(document)}/_view/{name}"


def _key(draw: Draw) -> Any:
    how = draw.random()
    if how < 0.4:
        return draw.randint(0, 3)
    if how < 0.6:
        return doc_key(draw)
    return (
        [draw.randint(0, 3), doc_key(draw)] if how < 0.9 else draw.choice((None, True, "", {}, [], 1.5, [1], [2, {}]))
    )
