"""Steps about Mango: ``_find``, ``_explain``, and the indexes that they use."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tests.differential.drawing import Draw
from tests.differential.drawing_listings import key as doc_key
from tests.differential.steps import Json, Step

FIELDS = ("v", "v", "v", "w", "w", "_id", "w.v", "n", "type")
COMPARISONS = ("$lt", "$lte", "$eq", "$ne", "$gte", "$gt")
TYPES = ("null", "boolean", "number", "string", "array", "object", "nope", 5)
NAMES = ("i", "j", "k")
NEXT = ("X-Page", "next")
DDOCS = ("x", "y", "_design/z")
ODD: tuple[tuple[str, Any], ...] = (
    ("limit", -1), ("limit", "1"), ("limit", None), ("limit", 0), ("skip", -1), ("skip", "x"), ("sort", "v"),
    ("sort", ["v", {"w": "desc"}]), ("sort", [{"v": "up"}]), ("sort", [5]), ("sort", {}), ("fields", "v"),
    ("fields", []), ("fields", [5]), ("fields", None), ("use_index", 5), ("use_index", []),
    ("use_index", ["a", "b", "c"]), ("use_index", "nope"), ("use_index", ["nope", "i"]), ("bookmark", "x"),
    ("bookmark", 5), ("bookmark", "nil"), ("r", 0), ("r", 2), ("r", "x"), ("conflicts", "x"), ("update", "x"),
    ("update", False), ("stable", True), ("stale", "ok"), ("foo", 1), ("execution_stats", True), ("execution_stats", 1),
    ("allow_fallback", False), ("allow_fallback", "x"), ("partition", "p"), ("partition", "_p"), ("partition", 5),
    ("selector", 5), ("selector", []), ("selector", {}), ("selector", "v"), ("selector", None),
)  # fmt: skip
ODD_INDEXES: tuple[Any, ...] = (
    {}, [], {"index": 5}, {"index": {}}, {"index": {"fields": []}}, {"index": {"fields": "v"}},
    {"index": {"fields": [5]}}, {"index": {"fields": ["v"]}, "type": "text"},
    {"index": {"fields": ["v"]}, "type": "nope"},
    {"index": {"fields": ["v"]}, "type": 5}, {"index": {"fields": ["v"], "x": 1}}, {"index": {"fields": ["v"]}, "x": 1},
    {"index": {"fields": ["v"]}, "name": 5}, {"index": {"fields": ["v"]}, "ddoc": 5}, {"index": {"fields": ["v", "v"]}},
    {"index": {"fields": [{"v": "asc"}, {"w": "desc"}]}}, {"index": {"fields": [{"v": "up"}]}},
    {"index": {"fields": ["v"]}, "partitioned": "x"}, {"index": {"fields": ["v"], "partial_filter_selector": 5}},
    {"index": {"fields": ["v"]}, "name": ""}, {"index": {"fields": [""]}}, {"index": {"fields": ["v"]}, "w": 5},
)  # fmt: skip


def find(draw: Draw) -> Step:
    """A query."""
    return Step("find", "POST", "/${db}/_find", (), (), Json(_query(draw)))


def next_page(step: Step) -> Step:
    """The same query once more, from where its answer ended; a header says so, for the list of differences.

    Where there was no answer to go on from, the query is asked as it was.
    """
    assert isinstance(step.body, Json)
    return replace(step, headers=(*step.headers, NEXT), body=Json({**step.body.value, "bookmark": "${page}"}))


def explain(draw: Draw) -> Step:
    """How a query would be answered."""
    return Step("explain", "POST", "/${db}/_explain", (), (), Json(_query(draw)))


def make_index(draw: Draw) -> Step:
    """A new index, mostly."""
    body: Any
    if draw.chance(0.12):
        body = draw.choice(ODD_INDEXES)
    else:
        fields: list[Any] = draw.sample(("v", "w", "w.v", "_id", "n"), draw.choice((1, 1, 2, 2, 3)))
        if draw.chance(0.2):
            fields = [{field: "desc"} for field in fields]
        body = {"index": {"fields": fields}}
        if draw.chance(0.2):
            body["index"]["partial_filter_selector"] = selector(draw)
        for name, values, share in (("name", NAMES, 0.5), ("ddoc", DDOCS, 0.6), ("partitioned", (True, False), 0.3)):
            if draw.chance(share):
                body[name] = draw.choice(values)
    return Step("index.make", "POST", "/${db}/_index", (), (), Json(body))


def list_indexes(draw: Draw) -> Step:
    """The indexes there are."""
    query = (("limit", draw.number(3)),) if draw.chance(0.2) else ()
    return Step("index.list", "GET", "/${db}/_index", query)


def delete_index(draw: Draw) -> Step:
    """An index, or several in one request."""
    if draw.chance(0.2):
        docids = draw.sample(("_design/x", "y", "nope", "_design/z"), draw.randint(0, 3))
        return Step("index.delete", "POST", "/${db}/_index/_bulk_delete", (), (), Json({"docids": docids}))
    ddoc, kind = draw.choice(DDOCS), "json" if draw.chance(0.95) else draw.choice(("text", "special", "x"))
    if draw.chance(0.5):
        ddoc = ddoc.removeprefix("_design/")
    path = f"/${{db}}/_index/{quote(ddoc, safe='/')}/{kind}/{draw.choice((*NAMES, 'x'))}"
    return Step("index.delete", "DELETE", path)


def selector(draw: Draw, depth: int = 2) -> dict[str, Any]:
    """A selector that is well formed, mostly."""
    how = draw.random()
    if depth and how < 0.12:
        word = draw.choice(("$and", "$or", "$or", "$nor"))
        return {word: [selector(draw, depth - 1) for _ in range(draw.randint(0 if draw.chance(0.1) else 1, 3))]}
    if depth and how < 0.16:
        return {"$not": selector(draw, depth - 1)}
    names = draw.sample(sorted(set(FIELDS)), draw.choice((0, 1, 1, 1, 1, 2, 2)))
    return (
        {name: _condition(draw, name, depth) for name in names}
        if draw.chance(0.4)
        else {name: _condition(draw, name, depth) for name in [draw.choice(FIELDS)]}
    )


def _condition(draw: Draw, name: str, depth: int) -> Any:
    how = draw.random()
    if how < 0.2:
        return _value(draw, name)
    if how < 0.65:
        words = draw.sample(COMPARISONS, draw.choice((1, 1, 2)))
        return {word: _value(draw, name) for word in words}
    if how < 0.72:
        return {"$exists": draw.chance(0.7)}
    if how < 0.78:
        return {draw.choice(("$in", "$nin")): [_value(draw, name) for _ in range(draw.randint(0, 3))]}
    if how < 0.84:
        return {"$type": draw.choice(TYPES)}
    if depth and how < 0.9:
        word = draw.choice(("$not", "$elemMatch", "$allMatch", "$keyMapMatch"))
        return {word: draw.choice(({"$gt": 0}, {"$eq": "x"}, {"v": 1}, {}))}
    return draw.choice(
        (
            {"$mod": [2, 0]}, {"$mod": [2]}, {"$mod": [0, 1]}, {"$mod": "x"}, {"$size": 2}, {"$size": -1},
            {"$all": [1]}, {"$all": []}, {"$all": 5}, {"$regex": "^x"}, {"$regex": "("}, {"$regex": 5},
            {"$beginsWith": "k"}, {"$beginsWith": 5}, {"$nope": 1}, {"$in": 5}, {"$exists": 1},
            {"$and": [{"$gt": 0}, {"$lt": 3}]}, {"v": {"$gt": 0}}, {"$or": [1, {"$gt": 2}]}, {"$elemMatch": 5}, {},
        )
    )  # fmt: skip


def _value(draw: Draw, name: str) -> Any:
    if name == "_id":
        return doc_key(draw) if draw.chance(0.95) else None
    return draw.randint(0, 3) if draw.chance(0.6) else draw.value(1)


def _query(draw: Draw) -> dict[str, Any]:
    body: dict[str, Any] = {"selector": selector(draw)} if draw.chance(0.99) else {}
    if draw.chance(0.25):
        fields = draw.sample(("v", "w", "_id"), draw.choice((1, 1, 2)))
        order = draw.choice(("asc", "desc"))
        body["sort"] = fields if draw.chance(0.4) else [{field: order} for field in fields]
    if draw.chance(0.2):
        body["fields"] = draw.sample(("_id", "_rev", "v", "w", "w.v", "nope", "_conflicts"), draw.randint(1, 3))
    if draw.chance(0.25):
        body["limit"] = draw.randint(0, 4)
    if draw.chance(0.12):
        body["skip"] = draw.randint(0, 3)
    if draw.chance(0.15):
        ddoc = draw.choice(DDOCS)
        body["use_index"] = draw.choice((ddoc, [ddoc], [ddoc, draw.choice(NAMES)]))
    if draw.chance(0.15):
        body["bookmark"] = f"${{bookmark:{draw.randint(0, 2)}}}"
    if draw.chance(0.08):
        body["conflicts"] = True
    if draw.chance(0.1):
        body["execution_stats"] = True
    if draw.chance(0.1):
        name, value = draw.choice(ODD)
        body[name] = value
    return body
