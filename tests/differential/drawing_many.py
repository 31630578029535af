"""Steps about many documents at once: ``_bulk_docs``, ``_bulk_get``, ``_revs_diff``, ``_missing_revs``, ``_purge``."""

from typing import Any

from tests.differential.drawing import Draw
from tests.differential.drawing_documents import Pairs, body_of, foreign
from tests.differential.knowledge import DOCUMENTS
from tests.differential.steps import Json, Step


def bulk_docs(draw: Draw) -> Step:
    """Edits, or revisions made elsewhere."""
    new_edits = draw.chance(0.5)
    docs: list[Any] = []
    for _ in range(draw.choice((0, 1, 1, 2, 3, 3, 4, 6))):
        document = draw.document()
        doc = body_of(draw, document)
        if new_edits:
            doc |= {"_rev": draw.rev(document)} if draw.chance(0.6) else {}
        else:
            doc |= foreign(draw, document)
        docs.append({**doc, "_id": DOCUMENTS[document]})
    if draw.chance(0.03):
        docs.append({"_id": DOCUMENTS[7], **draw.content()} | ({} if new_edits else {"_rev": "0-1"}))
    body: dict[str, Any] = {"docs": docs}
    if not new_edits:
        body["new_edits"] = False
    if draw.chance(0.03):
        body |= draw.choice(
            (
                {"new_edits": "x"}, {"new_edits": True}, {"all_or_nothing": False}, {"docs": {}}, {"docs": [5]},
                {"docs": None}, {"x": 1},
                {"docs": [[]]}, {"new_edits": None}, {"docs": "x"},
            )
        )  # fmt: skip
    return Step("bulk.docs", "POST", "/${db}/_bulk_docs", (), (), Json(body))


def bulk_get(draw: Draw) -> Step:
    """Revisions by document."""
    rows: list[Any] = []
    for _ in range(draw.randint(0, 4)):
        document = draw.document()
        row: dict[str, Any] = {"id": DOCUMENTS[document]}
        if draw.chance(0.7):
            row["rev"] = draw.rev(document)
        if draw.chance(0.1):
            row["atts_since"] = [draw.sane_rev(document) for _ in range(draw.randint(0, 2))]
        rows.append(row)
    if draw.chance(0.05):
        rows.append(
            draw.choice(
                ({}, {"id": 5}, {"id": ""}, {"id": "_x"}, {"id": "ka", "rev": 5}, {"id": "ka", "rev": ""}, 5,
                {"rev": "1-a"}, {"id": "ka", "atts_since": 5})
            )
        )  # fmt: skip
    query: Pairs = draw.flags(("revs", "latest", "attachments", "att_encoding_info", "conflicts", "local_seq"), 0.15)
    if draw.chance(0.03):
        query.append(
            draw.choice(
                (("rev", "1-a"), ("open_revs", "all"), ("new_edits", "false"), ("w", "1"), ("atts_since", "[]"))
            )
        )
    body: Any = {"docs": rows}
    if draw.chance(0.03):
        body = draw.choice(({}, {"docs": 5}, {"docs": {}}, [], {"docs": None}))
    accept = draw.choice(("application/json", "application/json", "*/*", "multipart/mixed", "multipart/related"))
    return Step("bulk.get", "POST", "/${db}/_bulk_get", tuple(query), (("Accept", accept),), Json(body))


def revs_diff(draw: Draw) -> Step:
    """Which revisions are missing."""
    name = draw.choice(("_revs_diff", "_missing_revs"))
    body: Any = {}
    for _ in range(draw.randint(0, 3)):
        document = draw.document()
        revs: list[Any] = [_maybe_new(draw, document) for _ in range(draw.randint(0, 4))]
        body[DOCUMENTS[document]] = revs
    if draw.chance(0.04):
        body |= draw.choice(
            (
                {"ka": 5},
                {"ka": [5]},
                {"ka": ["x"]},
                {"": ["1-a"]},
                {"_local/l": ["0-1"]},
                {"ka": None},
                {"_x": ["1-a"]},
                {"ka": {}},
            )
        )
    if draw.chance(0.02):
        body = draw.choice(([], 5, None, "x"))
    kind = "revs.diff" if name == "_revs_diff" else "revs.missing"
    return Step(kind, "POST", "/${db}/" + name, (), (), Json(body))


def _maybe_new(draw: Draw, document: int) -> str:
    if draw.chance(0.4):
        return f"${{child:{document}:{draw.age()}:{draw.hashes()}}}"
    return draw.rev(document)


def purge(draw: Draw) -> Step:
    """Forget leaves."""
    body: Any = {}
    for _ in range(draw.randint(1, 2)):
        document = draw.document()
        body[DOCUMENTS[document]] = [draw.rev(document) for _ in range(draw.randint(0, 3))]
    if draw.chance(0.05):
        body = draw.choice(({}, {"ka": 5}, {"ka": ["x"]}, [], {"ka": [5]}, {"_local/l": ["0-1"]}, {"ka": "1-a"}, 5))
    return Step("purge", "POST", "/${db}/_purge", (), (), Json(body))


def purged_infos(draw: Draw) -> Step:
    """What is remembered of purges."""
    return Step("info", "GET", "/${db}/_purged_infos")
