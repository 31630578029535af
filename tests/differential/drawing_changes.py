"""Steps about ``_changes``: all feeds, as far as they come to an end."""

import json
from typing import Any

from tests.differential.drawing import Draw
from tests.differential.drawing_documents import Pairs
from tests.differential.drawing_listings import key
from tests.differential.steps import Json, Step

FLAGS = ("descending", "include_docs", "conflicts", "attachments", "att_encoding_info")
SELECTORS: tuple[Any, ...] = (
    {}, {"v": 1}, {"v": {"$gt": 0}}, {"v": {"$gte": 1, "$lt": 3}}, {"_id": "ka"}, {"_id": {"$gt": "kb"}},
    {"$or": [{"v": 1}, {"v": 2}]},
    {"$not": {"v": 1}}, {"v": {"$exists": False}}, {"v": {"$in": [0, 1]}}, {"v": {"$type": "number"}}, {"$and": []},
    {"v": {"$ne": 1}},
    {"v": {"$nin": [1]}}, {"_deleted": True}, {"$nor": [{"v": 1}]}, {"v": {"$mod": [2, 1]}}, {"w": {"$size": 1}},
    {"w": {"$all": [1]}},
    {"w": {"$elemMatch": {"$gt": 0}}}, {"v": {"$regex": "x"}}, {"w.v": 1}, {"v": None}, {"v": "x"}, {"v": {"$eq": 1.0}},
)  # fmt: skip
ODD_PAIRS = (
    ("limit", "x"), ("limit", "-1"), ("limit", ""), ("style", "all_docs"), ("style", "main_only"), ("feed", "x"),
    ("feed", "live"),
    ("filter", "x"), ("filter", "x/y"), ("filter", "_view"), ("filter", "_x"), ("seq_interval", "0"),
    ("seq_interval", "x"), ("timeout", "x"),
    ("heartbeat", "0"), ("heartbeat", "x"), ("since", "x"), ("since", ""), ("since", "-1"), ("foo", "bar"),
    ("last-event-id", "0"),
    ("since", "999"), ("doc_ids", "5"), ("doc_ids", "["), ("Limit", "1"), ("DESCENDING", "true"),
    ("include_docs", "foo"), ("since", "1"),
)  # fmt: skip


def changes(draw: Draw) -> Step:
    """A feed that ends by itself: one that would wait has a short timeout."""
    feed = draw.choices(("", "normal", "longpoll", "continuous", "eventsource"), (55, 12, 12, 12, 6))[0]
    query: Pairs = draw.flags(FLAGS, 0.18)
    if feed:
        query.append(("feed", feed))
    if feed not in {"", "normal"}:
        query.append(("timeout", draw.choice(("1", "20", "40"))))
    if draw.chance(0.45):
        query.append(("since", draw.choice(("${seq:0}", "${seq:1}", "${seq:3}", "${seq:7}", "0", "now", '"${seq:1}"'))))
    if draw.chance(0.25):
        query.append(("limit", str(draw.randint(0, 4))))
    if draw.chance(0.35):
        query.append(("style", draw.choice(("all_docs", "all_docs", "main_only"))))
    if draw.chance(0.06):
        query.append(("seq_interval", draw.choice(("1", "2", "3"))))
    if draw.chance(0.05):
        odd = draw.choice(ODD_PAIRS)
        if odd[0] != "heartbeat" and not (odd[0] in {"feed", "timeout"} and feed not in {"", "normal"}):
            query.append(odd if odd != ("feed", "live") else ("feed", "normal"))
    method, body = "GET", None
    filter_ = draw.random()
    if filter_ < 0.12:
        query.append(("filter", "_doc_ids"))
        ids = [key(draw) for _ in range(draw.randint(0, 3))]
        if draw.chance(0.6):
            method, body = "POST", Json({"doc_ids": ids})
        else:
            query.append(("doc_ids", json.dumps(ids, ensure_ascii=False)))
    elif filter_ < 0.24:
        query.append(("filter", "_selector"))
        selector: dict[str, Any] = {"selector": draw.choice(SELECTORS)}
        if draw.chance(0.1):
            selector["fields"] = draw.choice((["v"], [], "v", ["_id", "w.v"]))
        method, body = "POST", Json(selector)
    elif filter_ < 0.29:
        query.append(("filter", "_design"))
    elif filter_ < 0.36:
        method, body = (
            "POST",
            Json(
                draw.choice(
                    ({}, {"doc_ids": ["ka"]}, {"since": 1}, {"limit": 1}, {"selector": {"v": 1}}, [], {"doc_ids": 5})
                )
            ),
        )
    if filter_ < 0.29:  # with a filter, limit=0 means different places, on purpose
        query = [("limit", "1") if pair == ("limit", "0") else pair for pair in query]
    if method == "GET" and feed in {"", "normal"} and draw.chance(0.05):
        method = "HEAD"
    draw.shuffle(query)
    headers = (("Last-Event-ID", "${seq:1}"),) if feed == "eventsource" and draw.chance(0.3) else ()
    return Step("changes", method, "/${db}/_changes", tuple(query), headers, body)
