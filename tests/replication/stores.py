"""Databases with whatever a history can hold, and what must be the same at both ends of a replication."""

import base64
from dataclasses import dataclass

from hypothesis import strategies as st

from docstore.core.document import parse_document
from docstore.core.json_text import JsonValue, decode
from docstore.core.rev import Rev
from docstore.database.database import Database
from docstore.database.reading.changes import ChangesQuery, Style, read_changes
from docstore.database.reading.documents import OpenOptions
from docstore.settings import Limits

LIMITS = Limits()
IDS = ("a", "b", "ä/ö", "_design/d", "c")
ALL_OF_IT = OpenOptions(revs=True, attachments=True)


@dataclass(frozen=True)
class Step:
    """One replicated revision: where it stands in the tree of its document, and what is in it.

    ``parent`` picks one of the paths that there are; beyond them it begins a tree of its own. ``known`` is how much of
    the path is told in a stemmed history, None for all.
    """

    doc: int
    parent: int
    tag: int
    deleted: bool
    known: int | None
    attachments: tuple[tuple[str, bytes], ...]


steps = st.lists(
    st.builds(
        Step,
        doc=st.integers(0, len(IDS) - 1),
        parent=st.integers(0, 5),
        tag=st.integers(0, 3),
        deleted=st.sampled_from([False, False, False, True]),
        known=st.sampled_from([None, None, None, 1, 2]),
        attachments=st.sampled_from(
            [(), (), (), (("f.txt", b"hello"),), (("f.txt", b"hello"), ("g.png", b"\x89P" * 40))]
        ),
    ),
    min_size=1,
    max_size=14,
)


class History:
    """Turns steps into revisions: the same steps into the same ones, in whatever database they are written.

    ``stemmed``: some revisions tell only a few of their ancestors, as after stemming. What two databases know of such a
    revision is not compared by CouchDB's protocol, once both have it; so this is only for databases of which one is
    empty.
    """

    def __init__(self, *, stemmed: bool = False) -> None:
        self.paths: dict[str, list[tuple[Rev, ...]]] = {}
        self._stemmed = stemmed

    async def write(self, database: Database | None, step: Step) -> None:
        """Enter a revision, and write it if there is a database."""
        doc_id = IDS[step.doc]
        paths = self.paths.setdefault(doc_id, [])
        parent = paths[step.parent] if step.parent < len(paths) else ()
        generation = parent[0].generation + 1 if parent else 1
        rev = Rev(generation, bytes([len(paths), step.tag]) * 8)
        path = (rev, *parent)
        paths.append(path)
        if database is None:
            return
        members: dict[str, JsonValue] = {"_id": doc_id, "_rev": str(rev), "n": len(paths)}
        told = path[: step.known] if self._stemmed else path
        members["_revisions"] = {"start": generation, "ids": [each.id_text for each in told]}
        if step.deleted:
            members["_deleted"] = True
        if step.attachments:
            members["_attachments"] = {
                name: {
                    "content_type": "text/plain" if name.endswith("txt") else "image/png",
                    "data": base64.b64encode(data).decode(),
                }
                for name, data in step.attachments
            }
        [result] = await database.update_docs([parse_document(members, limits=LIMITS)], new_edits=False)
        assert result.error is None


async def contents(database: Database) -> dict[str, dict[str, object]]:
    """What a replication brings: the leaves of all documents with their ancestors, bodies and attachments."""
    found: dict[str, dict[str, object]] = {}
    async for piece in read_changes(database, ChangesQuery(style=Style.ALL_DOCS)):
        for row in piece.rows:
            doc_id = decode(row)["id"]
            leaves = database.open_revs(doc_id, "all", ALL_OF_IT)
            found[doc_id] = {
                str(leaf.rev): decode(b"".join([piece async for piece in leaf.stream()])) for leaf in leaves
            }
            found[doc_id]["winner"] = decode(row)["changes"][0]["rev"]
    return found
