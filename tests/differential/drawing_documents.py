"""Steps about one document: reading, editing, deleting and copying it; local documents too.

``batch=ok`` is not among them: nobody can tell when it is written.
"""

import json
from typing import Any

from tests.differential.drawing import BAD_REVS, CONTENTS, LOCAL, NAMES, RAW_CONTENTS, TYPES, Draw
from tests.differential.knowledge import DOCUMENTS
from tests.differential.steps import Json, Related, Step, Text

Pairs = list[tuple[str, str | None]]
READ_FLAGS = (
    "revs", "revs_info", "conflicts", "deleted_conflicts", "meta", "local_seq", "latest", "deleted", "attachments",
    "att_encoding_info",
)  # fmt: skip
ODD_MEMBERS: tuple[dict[str, Any], ...] = (
    {"_foo": 1}, {"_id": "other"}, {"_id": 5}, {"_deleted": "true"}, {"_deleted": False}, {"_rev": 5}, {"_rev": ""},
    {"_rev": None},
    {"_revisions": {"start": 1, "ids": []}}, {"_revisions": 5}, {"_revisions": {"start": "1", "ids": ["a"]}},
    {"_revisions": {"start": 1, "ids": ["a", "b"]}}, {"_attachments": []}, {"_attachments": 5},
    {"_attachments": {"_x": {"data": "d29ybGQ="}}},
    {"_conflicts": ["1-a"]}, {"_revs_info": []}, {"_local_seq": 3}, {"_deleted_conflicts": []},
    {"_attachments": {"": {"data": "d29ybGQ="}}},
    {"_id": ""}, {"_id": "_x"}, {"_id": "_design/"}, {"_revisions": {"ids": ["a"]}}, {"_attachments": {"a": 5}},
    {"_attachments": None},
)  # fmt: skip
RAW_BODIES = (
    "", " ", "{", "[]", "null", "5", '"x"', '{"a":1,"a":2}', '{"a":{"b":1,"b":2},"c":3,"a":4}', '{"a":1.0}',
    '{"a":1e5}', '{"a":1E+2}',
    '{"a":-0}', '{"a":100000000000000000000.0}', '{"a":1e400}', '{"a":"\\ud83d\\ude00"}', '{"a":"\\ud800"}',
    '{"a":"\\u0000"}', '{"a":01}',
    '{"a":1}x', '{"_id":"ka","_id":"kb"}', '{"a":NaN}', "{'a':1}", '{"a":1,}', '\ufeff{"a":1}', '{"a":"\t"}',
    '{"a":5e-324}', '{"a":[[[[]]]]}',
)  # fmt: skip
SAFE_METHODS = ("GET", "HEAD")


def parent(draw: Draw, document: int, share: float = 0.75) -> tuple[Pairs, list[tuple[str, str]], dict[str, Any]]:
    """Where the parent of an edit stands: parameters, headers, members."""
    if not draw.chance(share):
        return [], [], {}
    rev = draw.rev(document)
    where = draw.random()
    if where < 0.45:
        return [], [], {"_rev": rev}
    if where < 0.75:
        return [("rev", rev)], [], {}
    if where < 0.9:
        return [], [("If-Match", rev if draw.chance(0.3) else f'"{rev}"')], {}
    if where < 0.95:
        return [("rev", draw.rev(document))], [], {"_rev": rev}
    return [("rev", draw.rev(document))], [("If-Match", rev)], {}


def body_of(draw: Draw, document: int) -> dict[str, Any]:
    """A document without its revision."""
    body = draw.content()
    if draw.chance(0.25):
        body["_attachments"] = draw.attachments()
    if draw.chance(0.12):
        body["_deleted"] = True
    if draw.chance(0.1):
        body["_id"] = DOCUMENTS[document]
    if draw.chance(0.03):
        body |= draw.choice(ODD_MEMBERS)
    return body


def foreign(draw: Draw, document: int) -> dict[str, Any]:
    """The members that say which revision made elsewhere a document is: below one that is known, or of its own root."""
    hashes = draw.hashes()
    if draw.chance(0.3):
        at = f"{draw.choice((1, 1, 2, 4))}:{hashes}"
        found = {"_rev": f"${{root:{at}}}", "_revisions": f"${{roots:{at}}}"}
    elif draw.chance(0.1):
        found = {"_rev": f"{draw.randint(1, 5)}-w{draw.randrange(10**6)}"}
    else:
        at = f"{document}:{draw.age()}:{hashes}"
        found = {"_rev": f"${{child:{at}}}", "_revisions": f"${{revisions:{at}}}"}
    if draw.chance(0.04):
        del found[draw.choice(list(found))]
    return found


def put(draw: Draw) -> Step:
    """PUT of a document: an edit, or a revision made elsewhere."""
    document = draw.document()
    query, headers, members = parent(draw, document)
    body = body_of(draw, document) | members
    if draw.chance(0.25):
        query = [("new_edits", "false")] if draw.chance(0.97) else [("new_edits", draw.boolean())]
        headers, body = [], body_of(draw, document) | foreign(draw, document)
    elif draw.chance(0.03):
        query.append(draw.choice((("w", "1"), ("w", "x"), ("new_edits", "true"), ("r", "5"), ("batch", "x"))))
    if draw.chance(0.01):
        headers.append(("X-Couch-Full-Commit", draw.choice(("true", "false", "x"))))
    content: Json | Text = Json(body)
    if draw.chance(0.025):
        content = Text(draw.choice(RAW_BODIES))
    return Step("document.put", "PUT", draw.path(document, plain=False), tuple(query), tuple(headers), content)


def put_related(draw: Draw) -> Step:
    """PUT of a document with attachments as parts."""
    document = draw.document()
    query, headers, members = parent(draw, document)
    contents = [draw.choice(RAW_CONTENTS) for _ in range(draw.randint(1, 2))]
    names = draw.sample(NAMES, len(contents))
    attachments: dict[str, Any] = {
        name: {"follows": True, "length": len(content), "content_type": draw.choice(TYPES)}
        for name, content in zip(names, contents, strict=True)
    }
    if draw.chance(0.2):
        attachments["in.txt"] = {"data": draw.choice(CONTENTS), "content_type": "text/plain"}
    body = draw.content() | members | {"_attachments": attachments}
    if draw.chance(0.25):
        query, headers = [("new_edits", "false")], []
        body = draw.content() | {"_attachments": attachments} | foreign(draw, document)
    return Step(
        "document.put_related", "PUT", draw.path(document), tuple(query), tuple(headers), Related(body, tuple(contents))
    )


def post(draw: Draw) -> Step:
    """POST of a document to the database, with its id."""
    document = draw.document()
    query, _, members = parent(draw, document, 0.5)
    body = body_of(draw, document) | members | {"_id": DOCUMENTS[document]}
    if draw.chance(0.05):
        query.append(draw.choice((("new_edits", "false"), ("rev", draw.rev(document)))))
    return Step("document.post", "POST", "/${db}", tuple(query), (), Json(body))


def post_anonymous(draw: Draw) -> Step:
    """POST of a document without an id."""
    return Step("document.post", "POST", "/${db}", (), (), Json(body_of(draw, 0)))


def delete(draw: Draw) -> Step:
    """DELETE of a document."""
    document = draw.document()
    query, headers, _ = parent(draw, document, 0.92)
    if draw.chance(0.6):
        query, headers = [("rev", draw.rev(document))], []
    if draw.chance(0.02):
        query.append(("new_edits", "false"))
    return Step("document.delete", "DELETE", draw.path(document, plain=False), tuple(query), tuple(headers))


def revs_list(draw: Draw, document: int) -> str:
    """A JSON list of revisions of a document, as text with symbols."""
    if draw.chance(0.03):
        return draw.choice(("[", "5", '"x"', "[5]", '["x"]', "", "{}", "[null]"))
    return json.dumps([draw.sane_rev(document) for _ in range(draw.randint(0, 3))])


def get(draw: Draw) -> Step:
    """GET or HEAD of a document."""
    document = draw.document()
    query: Pairs = draw.flags(READ_FLAGS, 0.14)
    headers: list[tuple[str, str]] = []
    if draw.chance(0.4):
        query.append(("rev", draw.rev(document)))
    if draw.chance(0.06):
        query.append(("atts_since", revs_list(draw, document)))
    if draw.chance(0.5):
        headers.append(
            ("Accept", draw.choice(("application/json", "application/json", "*/*", "multipart/related", "text/html")))
        )
    if draw.chance(0.06):
        rev = draw.rev(document)
        headers.append(("If-None-Match", draw.choice((f'"{rev}"', rev, "*", f'W/"{rev}"', f'"x", "{rev}"'))))
    draw.shuffle(query)
    method = "GET" if draw.chance(0.93) else "HEAD"
    return Step("document.get", method, draw.path(document, plain=False), tuple(query), tuple(headers))


def open_revs(draw: Draw) -> Step:
    """GET of several revisions."""
    document = draw.document()
    value = "all" if draw.chance(0.4) else revs_list(draw, document)
    query: Pairs = [
        ("open_revs", value),
        *draw.flags(("revs", "latest", "attachments", "att_encoding_info", "conflicts"), 0.2),
    ]
    if draw.chance(0.15):
        query.append(("atts_since", revs_list(draw, document)))
    accept = draw.choice(("application/json", "application/json", "application/json", "multipart/mixed", "*/*"))
    return Step("document.open_revs", "GET", draw.path(document), tuple(query), (("Accept", accept),))


def copy(draw: Draw) -> Step:
    """COPY of a document."""
    document, target = draw.document(), draw.document()
    query: Pairs = [("rev", draw.rev(document))] if draw.chance(0.4) else []
    destination = draw.path(target).removeprefix("/${db}/")
    if draw.chance(0.5):
        destination += f"?rev={draw.rev(target)}"
    if draw.chance(0.04):
        destination = draw.choice(("", "/x", "http://x/y", "kb?x", "kb?rev", "kb?rev=", "_local/l", "_x", "../kb"))
    headers = [("Destination", destination)] if draw.chance(0.98) else []
    return Step("document.copy", "COPY", draw.path(document), tuple(query), tuple(headers))


def local(draw: Draw) -> Step:
    """Anything about a local document."""
    path = draw.path(LOCAL, plain=False)
    rev = draw.choice(("${rev:7:0}", "${rev:7:0}", "0-1", "0-7", "1-a", *BAD_REVS[:3]))
    query: Pairs = [("rev", rev)] if draw.chance(0.25) else []
    kind = draw.random()
    if kind < 0.45:
        body = draw.content() | ({"_rev": rev} if draw.chance(0.5) else {})
        if draw.chance(0.06):
            body |= draw.choice(
                (*ODD_MEMBERS, {"_deleted": True}, {"_deleted": True}, {"_attachments": draw.attachments()})
            )
        if draw.chance(0.06) and rev.startswith("0"):  # other revisions are stored by one of the two, on purpose
            query.append(("new_edits", "false"))
        return Step("local.put", "PUT", path, tuple(query), (), Json(body))
    if kind < 0.8:
        query += draw.flags(READ_FLAGS, 0.08)
        return Step("local.get", "GET", path, tuple(query), (("Accept", "application/json"),))
    if kind < 0.95:
        return Step("local.delete", "DELETE", path, tuple(query))
    if kind < 0.98:
        target = draw.choice(("kb", "_local/m", "_local/l", f"_local/l?rev={rev}"))
        return Step("local.copy", "COPY", path, tuple(query), (("Destination", target),))
    return Step("local.path", draw.choice(("GET", "PUT", "DELETE")), path + "/x", (), (), None)
