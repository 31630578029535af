"""Every way by which a document can be written over HTTP, each as one call; and the rules that are to stop them.

A document has a ``mark``, a small number, and its attachments are named for marks. A rule forbids marks: documents that
have one, attachments named for one, and the deletion of what has one. So for each stored revision it can be said
afterwards whether a rule was against it.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from docstore.core.document import DESIGN_PREFIX
from docstore.core.rev import Rev
from docstore.database.reading.document_text import stub_text
from docstore.storage.documents.documents import get_body, get_record, get_tree
from docstore.storage.documents.scans import scan_documents
from docstore.testing import TestNode
from tests.httpd.asking import Answer, Database
from tests.httpd.attaching import RELATED, follows, inline, related
from tests.httpd.uploading import Resumable, Tus

LEAVES = ["2-" + "f" * 32, "2-" + "e" * 32]
SOURCE = "stock"
"""The database that documents are replicated from; it has no rules."""

UPDATES = {
    "updates": {
        "set": """function(doc, req) {
            var made = JSON.parse(req.body);
            made._id = req.id;
            if (doc) made._rev = doc._rev;
            return [made, 'said'];
        }"""
    }
}


def rule(marks: Iterable[int]) -> dict[str, str]:
    """A design document that forbids these marks."""
    source = """function(doc, before) {
        function bad(mark) { return MARKS.indexOf(Number(mark)) >= 0 }
        if (bad(doc.mark)) throw({forbidden: 'mark'});
        for (var name in doc._attachments || {}) if (bad(name.slice(1))) throw({forbidden: 'name'});
        if (doc._deleted && before && !doc.made && bad(before.mark)) throw({forbidden: 'keep'});
    }"""
    return {"validate_doc_update": source.replace("MARKS", json.dumps(sorted(marks)))}


class Place:
    """A database of a running server, and ways to write to it."""

    def __init__(self, db: Database, server: TestNode) -> None:
        self.db = db
        self.server = server
        self.tus = Tus(db)
        self.draft = Resumable(db)
        self.source = Database(db.client, f"{db.name}-{SOURCE}")

    async def begin(self) -> "Place":
        """Make both databases, what copies and update functions need, and one document in conflict, of mark 0."""
        await self.source.create()
        await self.db.create()
        await self.db.write("_design/set", UPDATES)
        for mark in range(MARKS):
            await self.db.write(f"_design/mark{mark}", {"mark": mark})
        await self.db.replicate(*(leaf_of("a", rev, 0, attached=True) for rev in LEAVES))
        return self

    async def revs(self, doc_id: str) -> list[str]:
        """The live leaves of a document, the winner first."""
        answer = await self.db.get(f"{doc_id}?conflicts=true")
        return [answer.json["_rev"], *answer.json.get("_conflicts", [])] if answer.status == 200 else []

    async def on(self, doc_id: str) -> dict[str, str]:
        """The member that names the winner."""
        revs = await self.revs(doc_id)
        return {"_rev": revs[0]} if revs else {}

    async def query_on(self, doc_id: str, sign: str = "?") -> str:
        revs = await self.revs(doc_id)
        return f"{sign}rev={revs[0]}" if revs else ""

    def number(self) -> int:
        """The number of the database in the store."""
        return self.server.node.registry.open(self.db.name).number


Way = Callable[[Place, str, int], Awaitable[Answer | None]]
"""Writes a document with this id and mark, one way or the other; None if there was nothing to write."""


def leaf_of(doc_id: str, rev: str, mark: int, *ancestors: str, attached: bool = False) -> dict[str, Any]:
    """A revision that was made elsewhere."""
    ids = [rev[2:], *(ancestors or ("0" * 32,))] if rev.startswith("2-") else [rev.partition("-")[2], *ancestors]
    revisions = {"start": int(rev.partition("-")[0]), "ids": ids}
    attachments = {"_attachments": {"n0": inline(b"zero")}} if attached else {}
    return {"_id": doc_id, "_rev": rev, "_revisions": revisions, "mark": mark, "made": "elsewhere", **attachments}


# --- Single edits


async def put(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(doc_id, {"mark": mark, **await place.on(doc_id)})


async def put_named(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(doc_id + await place.query_on(doc_id), {"_attachments": {f"n{mark}": inline(b"named")}})


async def put_if_match(place: Place, doc_id: str, mark: int) -> Answer:
    revs = await place.revs(doc_id)
    return await place.db.put(doc_id, {"mark": mark}, If_Match=f'"{revs[0]}"' if revs else None)


async def put_once(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(doc_id, {"mark": mark, **await place.on(doc_id)}, Idempotency_Key=f'"{doc_id}-{mark}"')


async def put_leniently(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(doc_id, {"mark": mark, **await place.on(doc_id)}, Prefer="handling=lenient")


async def put_behind_the_answer(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(f"{doc_id}?batch=ok", {"mark": mark, **await place.on(doc_id)})


async def put_deleted(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(doc_id, {"mark": mark, "_deleted": True, **await place.on(doc_id)})


async def put_over_generations(place: Place, doc_id: str, mark: int) -> Answer:
    """An ordinary edit whose history leads over new generations down to the leaf."""
    revs = await place.revs(doc_id)
    if not revs:
        return await put(place, doc_id, mark)
    start, _, digest = revs[0].partition("-")
    revisions = {"start": int(start) + 2, "ids": ["c" * 32, "d" * 32, digest]}
    return await place.db.put(doc_id, {"mark": mark, "_revisions": revisions})


async def post(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.post("", {"_id": doc_id, "mark": mark, **await place.on(doc_id)})


async def delete(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.delete(doc_id + await place.query_on(doc_id))


async def copy(place: Place, doc_id: str, mark: int) -> Answer:
    onto = doc_id + await place.query_on(doc_id)
    return await place.db.ask("COPY", f"/_design/mark{mark}", Destination=onto)


async def update(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(f"_design/set/_update/set/{doc_id}", {"mark": mark})


async def put_replicated(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(f"{doc_id}?new_edits=false", leaf_of(doc_id, f"2-{mark:032x}", mark))


# --- Many at once


async def bulk(place: Place, doc_id: str, mark: int) -> Answer:
    docs = [{"_id": doc_id, "mark": mark, **await place.on(doc_id)}, {"_id": f"{doc_id}-beside", "mark": mark}]
    return await place.db.post("_bulk_docs", {"docs": docs})


async def bulk_once(place: Place, doc_id: str, mark: int) -> Answer:
    docs = [{"_id": doc_id, "mark": mark, **await place.on(doc_id)}, {"_id": f"{doc_id}-{mark}", "mark": mark}]
    return await place.db.post("_bulk_docs", {"docs": docs}, Idempotency_Key=f'"bulk-{doc_id}-{mark}"')


async def bulk_deleted(place: Place, doc_id: str, mark: int) -> Answer:
    docs = [{"_id": doc_id, "_deleted": True, "mark": mark, **await place.on(doc_id)}]
    return await place.db.post("_bulk_docs", {"docs": docs})


async def bulk_replicated(place: Place, doc_id: str, mark: int) -> Answer:
    docs = [leaf_of(doc_id, f"2-{letter * 31}{mark}", mark) for letter in "ab"]
    return await place.db.post("_bulk_docs", {"docs": docs, "new_edits": False})


async def bulk_replicated_onto(place: Place, doc_id: str, mark: int) -> Answer:
    """A revision upon the leaf, and one more upon that."""
    revs = await place.revs(doc_id)
    start, _, digest = (revs or ["0-"])[0].partition("-")
    path = [f"{mark:032x}", *([digest] if digest else [])]
    docs = [
        leaf_of(doc_id, f"{int(start) + 1}-{path[0]}", mark, *path[1:]),
        leaf_of(doc_id, f"{int(start) + 2}-{'b' * 32}", mark, *path),
    ]
    return await place.db.post("_bulk_docs", {"docs": docs, "new_edits": False})


async def replicate(place: Place, doc_id: str, mark: int) -> Answer:
    return await _replicate(place, doc_id, mark, place.db.name)


async def replicate_over_http(place: Place, doc_id: str, mark: int) -> Answer:
    return await _replicate(place, doc_id, mark, f"{place.server.url}/{place.db.name}")


async def _replicate(place: Place, doc_id: str, mark: int, target: str) -> Answer:
    source = Place(place.source, place.server)
    attachments = {f"n{mark}": inline(b"x" * 100_000)}
    body = {"mark": mark, "made": "elsewhere", "_attachments": attachments, **await source.on(doc_id)}
    await place.source.put(doc_id, body)  # or somebody else did meanwhile
    asked = {"source": f"{place.server.url}/{place.source.name}", "target": target, "doc_ids": [doc_id]}
    return await Database(place.db.client, "_replicate").post("", asked)


# --- Attachments


async def attach(place: Place, doc_id: str, mark: int) -> Answer:
    return await place.db.put(f"{doc_id}/n{mark}" + await place.query_on(doc_id), b"attached")


async def detach(place: Place, doc_id: str, mark: int) -> Answer | None:
    found = await place.db.get(doc_id)
    names = list(found.json.get("_attachments", {})) if found.status == 200 else []
    return await place.db.delete(f"{doc_id}/{names[0]}?rev={found.json['_rev']}") if names else None


async def put_related(place: Place, doc_id: str, mark: int) -> Answer:
    document = {"mark": mark, "_attachments": {f"n{mark}": follows(b"part")}, **await place.on(doc_id)}
    return await place.db.put(doc_id, related(document, b"part"), Content_Type=RELATED)


async def put_related_replicated(place: Place, doc_id: str, mark: int) -> Answer:
    document = leaf_of(doc_id, f"2-{'d' * 31}{mark}", mark) | {"_attachments": {f"n{mark}": follows(b"part")}}
    return await place.db.put(f"{doc_id}?new_edits=false", related(document, b"part"), Content_Type=RELATED)


async def upload_by_tus(place: Place, doc_id: str, mark: int) -> Answer:
    upload = await place.tus.begin(f"/{doc_id}/n{mark}" + await place.query_on(doc_id), 5)
    await place.tus.send(upload, 0, b"he")
    return await place.tus.send(upload, 2, b"llo")


async def upload_by_the_draft(place: Place, doc_id: str, mark: int) -> Answer:
    upload = await place.draft.begin(f"/{doc_id}/n{mark}" + await place.query_on(doc_id), b"he")
    return await place.draft.send(upload, 2, b"llo", complete=True)


async def upload_at_once(place: Place, doc_id: str, mark: int) -> Answer:
    path = f"/{doc_id}/n{mark}" + await place.query_on(doc_id)
    return await place.db.ask("POST", path, b"hello", Upload_Complete="?1")


# --- Resolutions


async def resolve_with_a_body(place: Place, doc_id: str, mark: int) -> Answer | None:
    return await _resolve(place, doc_id, {"body": {"mark": mark}})


async def resolve_by_keeping(place: Place, doc_id: str, mark: int) -> Answer | None:
    leaves = await place.revs(doc_id)
    return await _resolve(place, doc_id, {"keep": leaves[-1] if leaves else ""})


async def resolve_once(place: Place, doc_id: str, mark: int) -> Answer | None:
    return await _resolve(place, doc_id, {"body": {"mark": mark}}, Idempotency_Key=f'"resolve-{doc_id}-{mark}"')


async def _resolve(place: Place, doc_id: str, how: dict[str, Any], /, **headers: str) -> Answer | None:
    leaves = await place.revs(doc_id)
    if len(leaves) < 2:
        return None
    return await place.db.post(f"{doc_id}/_resolve", {"leaves": leaves, **how}, **headers)


async def resolve_many(place: Place, doc_id: str, mark: int) -> Answer | None:
    if len(await place.revs(doc_id)) < 2:
        return None
    return await place.db.post("_resolve", {"ids": [doc_id], "keep": "winner"})


WAYS: tuple[Way, ...] = (
    put,
    put_named,
    put_if_match,
    put_once,
    put_leniently,
    put_behind_the_answer,
    put_deleted,
    put_over_generations,
    post,
    delete,
    copy,
    update,
    put_replicated,
    bulk,
    bulk_once,
    bulk_deleted,
    bulk_replicated,
    bulk_replicated_onto,
    replicate,
    replicate_over_http,
    attach,
    detach,
    put_related,
    put_related_replicated,
    upload_by_tus,
    upload_by_the_draft,
    upload_at_once,
    resolve_with_a_body,
    resolve_by_keeping,
    resolve_once,
    resolve_many,
)
MARKS = 4

# --- Looking back


class Written(NamedTuple):
    """A revision of the store, with the sequence it was written at."""

    seq: int
    doc_id: str
    rev: Rev
    parent: Rev | None
    deleted: bool
    document: dict[str, Any]


def written(place: Place) -> list[Written]:
    """Every revision that a database has a body of, in the order in which they were written."""
    number = place.number()
    found = []
    with place.server.node.env.snapshot() as txn:
        for doc_id, *_ in list(scan_documents(txn, number, deleted=True)):
            record = get_record(txn, number, doc_id)
            assert record is not None
            for rev, node in get_tree(txn, number, record).nodes.items():
                value = get_body(txn, number, node.seq) if node.seq else None
                if value is not None:
                    text = json.loads(stub_text(doc_id, rev, node.deleted, value))
                    found.append(Written(node.seq, doc_id, rev, node.parent, node.deleted, text))
    return sorted(found, key=lambda one: one.seq)


def got_round(revisions: list[Written]) -> list[tuple[Written, str]]:
    """Revisions that a rule was against when they were written, with the rule."""
    rules: dict[str, set[int]] = {}
    marks: dict[tuple[str, Rev], int] = {}
    found = []
    for one in revisions:
        if one.doc_id.startswith(DESIGN_PREFIX):
            source = "" if one.deleted else one.document.get("validate_doc_update", "")
            rules[one.doc_id] = set(json.loads(source[source.index("[") : source.index("]") + 1])) if source else set()
            continue
        mark = one.document.get("mark")
        asked = {mark} | {int(name[1:]) for name in one.document.get("_attachments", {})}
        if one.deleted and one.parent is not None and "made" not in one.document:
            asked.add(marks.get((one.doc_id, one.parent)))
        marks[one.doc_id, one.rev] = mark
        found += [(one, name) for name, forbidden in rules.items() if forbidden & asked]
    return found
