"""Steps about listings: ``_all_docs`` and its kin, with all their parameters, one or several at a time."""

import json
from typing import Any

from tests.differential.drawing import Draw
from tests.differential.drawing_documents import Pairs
from tests.differential.knowledge import DOCUMENTS
from tests.differential.steps import Json, Step

FLAGS = ("descending", "inclusive_end", "include_docs", "conflicts", "update_seq", "attachments", "att_encoding_info")
NAMES = ("_all_docs", "_all_docs", "_all_docs", "_all_docs", "_design_docs", "_local_docs")
ODD_KEYS = ("", "k", "a", "_design/", "_", "\ufff0", "zzzz", "nope", "_design0")
ODD_PAIRS = (
    ("stale", "ok"), ("stale", "x"), ("stable", "true"), ("stable", "x"), ("update", "lazy"), ("update", "x"),
    ("reduce", "false"),
    ("reduce", "true"), ("group", "true"), ("group", "false"), ("group_level", "1"), ("sorted", "false"),
    ("sorted", "x"), ("foo", "bar"),
    ("startkey_docid", "ka"), ("endkey_docid", "kb"), ("start_key_doc_id", "ka"), ("end_key_doc_id", "kb"),
    ("partition", "x"),
    ("include_docs", ""), ("keys", "5"), ("keys", "{"), ("keys", '["ka",5]'), ("keys", "null"), ("key", "ka"),
    ("key", ""), ("limit", "5x"),
)  # fmt: skip


def key(draw: Draw) -> Any:
    """A key: an id mostly."""
    if draw.chance(0.8):
        return DOCUMENTS[draw.document()]
    return draw.choice(ODD_KEYS) if draw.chance(0.8) else draw.choice((None, 5, True, [], ["ka"], {}, 1.5))


def parameters(draw: Draw) -> dict[str, Any]:
    """The parameters of a listing, as JSON."""
    found: dict[str, Any] = {name: draw.chance(0.8) for name in FLAGS if draw.chance(0.16)}
    how = draw.random()
    if how < 0.25:
        found["keys"] = [key(draw) for _ in range(draw.randint(0, 4))]
    elif how < 0.4:
        found["key"] = key(draw)
    elif how < 0.7:
        for names in (("startkey", "start_key"), ("endkey", "end_key")):
            if draw.chance(0.6):
                found[draw.choice(names)] = key(draw)
    if draw.chance(0.25):
        found["limit"] = draw.randint(0, 4)
    if draw.chance(0.2):
        found["skip"] = draw.randint(0, 4)
    return found


def as_query(draw: Draw, found: dict[str, Any]) -> Pairs:
    """Parameters as they stand in a query string, now and then a wrong one."""
    query: Pairs = [(name, json.dumps(value, ensure_ascii=False)) for name, value in found.items()]
    if draw.chance(0.06):
        query.append(draw.choice(ODD_PAIRS))
    if draw.chance(0.03):
        query.append((draw.choice(("limit", "skip", "group_level")), draw.number()))
    if draw.chance(0.03):
        query.append((draw.choice(FLAGS), draw.boolean()))
    draw.shuffle(query)
    return query


def listing(draw: Draw) -> Step:
    """A GET or POST of one listing."""
    path = "/${db}/" + draw.choice(NAMES)
    found = parameters(draw)
    if draw.chance(0.7):
        method = "GET" if draw.chance(0.95) else "HEAD"
        return Step("listing", method, path, tuple(as_query(draw, found)))
    query = as_query(draw, parameters(draw)) if draw.chance(0.08) else []
    _spoil(draw, found)
    return Step("listing", "POST", path, tuple(query), (), Json(found))


def queries(draw: Draw) -> Step:
    """Several listings in one request."""
    path = "/${db}/" + draw.choice(NAMES) + "/queries"
    found: list[Any] = [parameters(draw) for _ in range(draw.randint(0, 3))]
    for one in found:
        _spoil(draw, one)
    body: Any = {"queries": found}
    if draw.chance(0.04):
        body = draw.choice(
            ({}, {"queries": 5}, {"queries": [5]}, [], {"queries": [], "keys": ["ka"]}, {"queries": None})
        )
    query = as_query(draw, parameters(draw)) if draw.chance(0.05) else []
    return Step("listing", "POST", path, tuple(query), (), Json(body))


def _spoil(draw: Draw, found: dict[str, Any]) -> None:
    if draw.chance(0.05):
        found |= draw.choice(
            (
                {"keys": 5}, {"limit": "1"}, {"limit": -1}, {"limit": "x"}, {"skip": 1.5}, {"descending": "true"},
                {"descending": 5},
                {"include_docs": None}, {"foo": 1}, {"stable": True}, {"update": "lazy"}, {"sorted": False},
                {"reduce": False}, {"limit": None},
                {"conflicts": "x"}, {"keys": None}, {"group_level": 1}, {"stale": "ok"},
            )
        )  # fmt: skip
