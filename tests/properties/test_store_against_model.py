"""A whole database, driven at random, against a model of plain dicts.

The machine edits, replicates, purges, compacts, stems, closes and opens again. After every step the documents it
touched must read as the model says; at the end everything must, by every way of reading, and the store must pass the
check.
"""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from docstore.core.drawing.tree_view import FOR_MERGING
from docstore.core.json_text import decode
from docstore.core.rev import Rev, parse_rev
from docstore.database.database import Database
from docstore.database.reading.all_docs import Namespace
from docstore.database.reading.changes import Style
from docstore.database.reading.conflicts import ConflictsQuery, read_conflicts
from docstore.database.reading.documents import MissingRev, OpenOptions
from docstore.database.reading.trees import read_tree
from docstore.errors import Conflict, DocumentDeleted, NotFound
from docstore.node import Node
from tests.database import helpers
from tests.model import CONFLICT, Model, ModelDocument
from tests.storage_findings import storage_findings

LONG = "long " * 120
IDS = ["a", "b", "é", 'q"\\', "_design/d", LONG + "x", LONG + "y", LONG]
LOCAL_IDS = ["_local/a", f"_local/{LONG}"]
ODD_REV_IDS = [b"x", b'"\\', b"sixteen letters!", b"more than sixteen letters"]

doc_ids = st.sampled_from(IDS)
bodies = st.integers(0, 3)
rarely = st.integers(0, 3).map(lambda number: number == 0)


class Store(RuleBasedStateMachine):
    """``histories``: per document, every revision ever heard of, with its true parent, body and deleted flag."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.node = Node(helpers.settings(Path(self.folder.name)))
        self.run(self.node.start())
        self.database = self.run(self.node.registry.create("db"))
        self.model = Model()
        self.histories: dict[str, dict[Rev, tuple[Rev | None, int, bool]]] = {doc_id: {} for doc_id in IDS}
        self.touched: set[str] = set()
        self.seqs: dict[str, int] = {}

    def run(self, awaitable):
        return self.runner.run(awaitable)

    def teardown(self) -> None:
        try:
            self.compare_all()
            assert storage_findings(self.node) == []
        finally:
            self.run(self.node.stop())
            self.runner.close()
            self.folder.cleanup()

    # --- interactive edits

    def draw_parent(self, data: st.DataObject, doc_id: str) -> Rev | None:
        """Mostly one that may be edited; or none, a stale one, or one that is unknown here."""
        document = self.model.document(doc_id)
        leaves = document.leaves()
        if leaves and not document.deleted and not data.draw(rarely):
            return data.draw(st.sampled_from(leaves))
        return data.draw(st.sampled_from([None, Rev(1, b"\x11" * 16), *self.histories[doc_id]]))

    def expect(self, doc_id: str, parent: Rev | None, deleted: bool, body: int, result) -> None:
        """Compare the result of an interactive edit, and do the same to the model."""
        document = self.model.document(doc_id)
        expected = document.parent_for(parent, deleted)
        if expected == CONFLICT:
            assert isinstance(result, Conflict)
            return
        assert isinstance(result, Rev)
        assert result.generation == (expected.generation if expected else 0) + 1
        if expected is not None:
            self.histories[doc_id].setdefault(expected, (None, body, False))
        known = self.histories[doc_id].setdefault(result, (expected, body, deleted))
        assert known == (expected, body, deleted), "another edit made the same revision"
        if result in document.revisions and document.revisions[result].parent is not None:
            raise AssertionError("an edit made a revision that is there")
        document.add([result, *([expected] if expected else [])], body, deleted)
        document.stem(self.model.revs_limit)
        self.model.changed(doc_id, document)
        self.touched.add(doc_id)

    @rule(doc_id=doc_ids, deleted=rarely, body=bodies, data=st.data())
    def edit(self, doc_id, deleted, body, data):
        parent = self.draw_parent(data, doc_id)
        if self.makes_known(doc_id, parent, deleted, body):
            return
        try:
            edited = self.run(self.database.update_doc(helpers.document(doc_id, parent, deleted=deleted, n=body)))
            result = edited.rev
        except Conflict as error:
            result = error
        self.expect(doc_id, parent, deleted, body, result)

    def makes_known(self, doc_id: str, parent: Rev | None, deleted: bool, body: int) -> bool:
        """Whether the edit would make a revision that the tree has: a conflict, or it brings that its parent."""
        document = self.model.document(doc_id)
        made = [rev for rev, fact in self.histories[doc_id].items() if fact == (parent, body, deleted)]
        return any(rev in document.revisions for rev in made)

    @rule(doc_id=doc_ids, stale=rarely, data=st.data())
    def delete(self, doc_id, stale, data):
        document = self.model.document(doc_id)
        leaves = document.leaves()
        known = list(self.histories[doc_id]) or [Rev(1, b"\x11" * 16)]
        parent = data.draw(st.sampled_from(leaves if leaves and not stale else known))
        try:
            result = self.run(self.database.delete_doc(doc_id, parent)).rev
        except (NotFound, Conflict) as error:
            result = error
        if not document.revisions:
            assert type(result) is NotFound
        elif document.deleted:
            assert type(result) is DocumentDeleted
        elif parent not in leaves:
            assert type(result) is Conflict
        else:
            self.histories[doc_id].setdefault(result, (parent, -1, True))
            document.add([result, parent], -1, True)
            document.stem(self.model.revs_limit)
            self.model.changed(doc_id, document)
            self.touched.add(doc_id)

    @rule(edits=st.lists(st.tuples(doc_ids, rarely, bodies), max_size=5), data=st.data())
    def bulk(self, edits, data):
        drawn = [(doc_id, self.draw_parent(data, doc_id), deleted, body) for doc_id, deleted, body in edits]
        drawn = [edit for edit in drawn if not self.makes_known(*edit)]
        sent = [helpers.document(doc_id, on, deleted=deleted, n=body) for doc_id, on, deleted, body in drawn]
        results = self.run(self.database.update_docs(sent))
        assert [result.id for result in results] == [doc_id for doc_id, *_ in drawn]
        for edit, result in sorted(zip(drawn, results, strict=True), key=lambda pair: pair[0][0].encode()):
            self.expect(*edit, result.rev or result.error)

    # --- replicated edits

    @rule(
        pushes=st.lists(
            st.tuples(doc_ids, st.integers(0, 6), st.integers(0, 3), st.integers(1, 6), bodies, rarely),
            min_size=1,
            max_size=4,
        ),
        data=st.data(),
    )
    def replicate(self, pushes, data):
        """Each pushes ``grows`` new revisions onto some known one (or none), and tells ``told`` of the path."""
        sent = [(doc_id, self.draw_path(data, doc_id, *rest)) for doc_id, *rest in pushes]
        kept = []
        for doc_id in dict.fromkeys(doc_id for doc_id, _ in sent):
            paths = [path for each, path in sent if each == doc_id]
            if not self.model.document(doc_id).stems_joined_roots(paths, self.model.revs_limit):
                kept += [(doc_id, path) for path in paths]
        documents = []
        for doc_id, path in kept:
            _, body, deleted = self.histories[doc_id][path[0]]
            documents.append(helpers.replicated(doc_id, *path, deleted=deleted, n=body))
        results = self.run(self.database.update_docs(documents, new_edits=False))
        assert [(one.id, one.rev, one.error) for one in results] == [(doc_id, path[0], None) for doc_id, path in kept]
        for doc_id in sorted({doc_id for doc_id, _ in kept}, key=str.encode):
            self.merge(doc_id, [path for each, path in kept if each == doc_id])

    def draw_path(
        self, data: st.DataObject, doc_id: str, from_age: int, grows: int, told: int, body: int, deleted: bool
    ) -> list[Rev]:
        history = self.histories[doc_id]
        known = list(history)
        base = known[-min(from_age, len(known))] if from_age and known else None
        for _ in range(grows if base else max(grows, 1)):
            generation = base.generation + 1 if base else data.draw(st.sampled_from([1, 1, 4]))
            rev_id = data.draw(st.binary(min_size=1, max_size=1)) * 16
            if data.draw(rarely):
                rev_id = data.draw(st.sampled_from(ODD_REV_IDS))
            rev = Rev(generation, rev_id)
            history.setdefault(rev, (base, body, deleted))
            base = rev
        path = []
        while base is not None:
            path.append(base)
            base = history[base][0]
        return path[:told]

    def merge(self, doc_id: str, paths: list[list[Rev]]) -> None:
        document = self.model.document(doc_id)
        before = document.facts()
        for path in paths:
            _, body, deleted = self.histories[doc_id][path[0]]
            document.add(path, body, deleted)
        if document.facts() == before and self.database.head(doc_id).seq == self.seqs.get(doc_id):
            return  # nothing new, and the database did not take the occasion to apply a lowered revs_limit
        document.stem(self.model.revs_limit)
        if document.facts() != before:
            self.model.changed(doc_id, document)
            self.touched.add(doc_id)

    # --- everything else

    @rule(doc_id=st.sampled_from(LOCAL_IDS), body=bodies, rev=st.none() | st.integers(0, 5), deleted=rarely)
    def write_local(self, doc_id, body, rev, deleted):
        on = None if rev is None else f"0-{rev}"
        result = self.run(self.database.update_doc(helpers.document(doc_id, on, deleted=deleted, n=body)))
        number = 0 if deleted else 1 if rev is None else rev + 1
        assert str(result.rev) == f"0-{number}"
        if deleted:
            self.model.local.pop(doc_id, None)
        else:
            self.model.local[doc_id] = (number, body)

    @rule(doc_id=doc_ids, data=st.data())
    def purge(self, doc_id, data):
        revs = data.draw(st.lists(st.sampled_from([Rev(9, b"?"), *self.histories[doc_id]]), max_size=4))
        document = self.model.document(doc_id)
        removed = self.run(self.database.purge({doc_id: revs}))
        assert removed == {doc_id: document.purge(revs)}
        if removed[doc_id]:
            if document.revisions:
                self.model.changed(doc_id, document)
            else:
                del self.model.documents[doc_id]
            self.touched.add(doc_id)

    @rule()
    def compact(self):
        self.run(self.database.compact())
        for document in self.model.documents.values():
            document.compact(self.model.revs_limit)

    @rule(limit=st.sampled_from([1, 2, 3, 5, 1000]))
    def set_revs_limit(self, limit):
        self.run(self.database.set_revs_limit(limit))
        self.model.revs_limit = limit

    @rule()
    def reopen(self):
        self.run(self.node.stop())
        self.node = Node(helpers.settings(Path(self.folder.name)))
        self.run(self.node.start())
        opaque = self.database.opaque
        self.database = self.node.registry.open("db")
        assert self.database.opaque == opaque

    @rule()
    @precondition(lambda self: len(self.model.documents) > 2)
    def recreate(self):
        uuid = self.database.uuid
        self.run(self.node.registry.delete("db"))
        self.run(self.node.registry.finish_sweeps())
        self.database = self.run(self.node.registry.create("db"))
        assert self.database.uuid != uuid
        self.model = Model()
        self.touched = set(IDS)

    # --- comparisons

    @invariant()
    def touched_documents_read_as_the_model_says(self):
        for doc_id in self.touched:
            self.compare_document(doc_id, self.model.document(doc_id))
        self.touched = set()
        heads = {doc_id: self.database.head(doc_id) for doc_id in IDS}
        self.seqs = {doc_id: head.seq for doc_id, head in heads.items() if head is not None}

    def compare_document(self, doc_id: str, document: ModelDocument) -> None:
        database = self.database
        head = database.head(doc_id)
        if not document.revisions:
            assert head is None
            with pytest.raises(NotFound, match=r"^missing$"):
                database.open_doc(doc_id)
            with pytest.raises(NotFound, match=r"^missing$"):
                database.open_revs(doc_id, "all")
            return
        leaves = document.leaves()
        assert (head.winner, head.deleted, head.linear) == (document.winner, document.deleted, len(leaves) == 1)
        self.compare_winner(doc_id, document)
        for rev, revision in document.revisions.items():
            self.compare_revision(doc_id, document, rev, revision)
        opened = database.open_revs(doc_id, "all", OpenOptions(revs=True))
        assert [one.rev for one in opened] == sorted(leaves)
        for one in opened:
            assert revisions_of(one.json) == document.path(one.rev)[: self.model.revs_limit]
        unknown = Rev(8, b"no revision of x")  # those drawn repeat one byte
        diff = database.revs_diff({doc_id: [*document.revisions, unknown]})[doc_id]
        assert diff.missing == [unknown]
        assert diff.possible_ancestors == [leaf for leaf in leaves if leaf.generation < 8]

    def compare_winner(self, doc_id: str, document: ModelDocument) -> None:
        every = OpenOptions(revs_info=True, conflicts=True, deleted_conflicts=True, deleted=True)
        text = decode(self.database.open_doc(doc_id, every).json)
        revision = document.revisions[document.winner]
        assert list(text)[:2] == ["_id", "_rev"]
        assert (text["_id"], text["_rev"], text.get("_deleted", False)) == (
            doc_id,
            str(document.winner),
            document.deleted,
        )
        assert text.get("n", -1) == revision.body
        assert text.get("_conflicts", []) == list(map(str, document.conflicts()))
        assert text.get("_deleted_conflicts", []) == list(map(str, document.deleted_conflicts()))
        assert [row["rev"] for row in text["_revs_info"]] == list(map(str, document.path(document.winner)))
        for row in text["_revs_info"]:
            ancestor = document.revisions[parse_rev(row["rev"])]
            there = "deleted" if ancestor.deleted else "available"
            assert row["status"] == (there if ancestor.body is not None else "missing")
        if document.deleted:
            with pytest.raises(DocumentDeleted):
                self.database.open_doc(doc_id)
        else:
            plain = decode(self.database.open_doc(doc_id).json)
            assert plain == {key: text[key] for key in ("_id", "_rev", "n")}

    def compare_revision(self, doc_id, document, rev, revision) -> None:
        try:
            opened = self.database.open_doc(doc_id, OpenOptions(rev=rev, revs=True))
        except NotFound:
            assert revision.body is None
        else:
            assert revision.body is not None
            assert opened.deleted == revision.deleted
            text = decode(opened.json)
            assert text.get("n", -1) == revision.body
            assert revisions_of(opened.json) == document.path(rev)[: self.model.revs_limit]
        for_merging = revision.body is None and revision.base is not None
        available = FOR_MERGING if for_merging else revision.body is not None
        assert read_tree(self.database, doc_id).availability(rev) == available
        latest = self.database.open_revs(doc_id, [rev], OpenOptions(latest=True))
        assert [one.rev for one in latest] == sorted(leaf for leaf in document.leaves() if rev in document.path(leaf))
        assert not any(isinstance(one, MissingRev) for one in latest)

    def compare_all(self) -> None:
        database, model = self.database, self.model
        for doc_id in IDS:
            self.compare_document(doc_id, model.document(doc_id))
        info = database.info()
        live = model.live()
        assert (info.doc_count, info.doc_del_count) == (len(live), len(model.documents) - len(live))
        total, offset, rows = self.run(helpers.all_docs(database, include_docs=True))
        assert (total, offset, [row["id"] for row in rows]) == (len(live), 0, live)
        assert all(row["value"]["rev"] == str(model.documents[row["id"]].winner) for row in rows)
        assert self.run(helpers.ids(database, descending=True)) == live[::-1]
        for place, doc_id in enumerate(live):
            total, offset, rows = self.run(helpers.all_docs(database, start_key=doc_id, limit=1))
            assert (total, offset, [row["id"] for row in rows]) == (len(live), place, [doc_id])
        self.compare_changes()
        self.compare_conflicts()
        assert self.run(helpers.ids(database, namespace=Namespace.LOCAL)) == sorted(model.local)
        for doc_id, (number, body) in model.local.items():
            assert decode(database.open_doc(doc_id).json) == {"_id": doc_id, "_rev": f"0-{number}", "n": body}

    def compare_conflicts(self) -> None:
        """The documents in conflict are those with more than one live leaf, by every way of asking."""
        database = self.database
        leaves = {doc_id: document.leaves() for doc_id, document in self.model.documents.items()}
        wanted = {}
        for doc_id in sorted(leaves, key=str.encode):
            document = self.model.documents[doc_id]
            live = [leaf for leaf in leaves[doc_id] if not document.revisions[leaf].deleted]
            if len(live) > 1:
                wanted[doc_id] = (list(map(str, live)), len(leaves[doc_id]) - len(live))
        rows = self.run(listed_conflicts(database))
        told = {
            row["id"]: ([row["value"]["rev"], *row["value"]["conflicts"]], row["value"]["counts"]["deleted"])
            for row in rows
        }
        assert list(told.items()) == list(wanted.items())
        assert [row["value"]["counts"]["live"] for row in rows] == [len(live) for live, _ in wanted.values()]
        assert self.run(helpers.ids(database, conflicts_only=True)) == list(wanted)
        changed = self.run(helpers.ids_changed(database, conflicts_only=True))
        assert changed == [doc_id for doc_id, _ in self.model.feed() if doc_id in wanted]

    def compare_changes(self) -> None:
        feed = self.model.feed()
        rows = self.run(helpers.changes(self.database, style=Style.ALL_DOCS, include_docs=True))
        assert [row["id"] for row in rows] == [doc_id for doc_id, _ in feed]
        for row, (_, document) in zip(rows, feed, strict=True):
            assert [one["rev"] for one in row["changes"]] == list(map(str, document.leaves()))
            assert row.get("deleted", False) == document.deleted
            assert row["doc"]["_rev"] == str(document.winner)
        assert (
            self.run(helpers.changes(self.database, style=Style.ALL_DOCS, include_docs=True, descending=True))
            == rows[::-1]
        )
        for place, row in enumerate(rows, 1):
            last, pending = self.run(helpers.pass_end(self.database, limit=place))
            assert (last, pending) == (row["seq"], len(rows) - place)


async def listed_conflicts(database: Database) -> list[dict]:
    parts = read_conflicts(database, ConflictsQuery(counts=True))
    return [decode(row) async for part in parts for row in part.rows]


def revisions_of(text: bytes) -> list[Rev]:
    told = decode(text)["_revisions"]
    return [parse_rev(f"{told['start'] - age}-{rev_id}") for age, rev_id in enumerate(told["ids"])]


def run_store(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Store,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_the_store_does_what_the_model_does() -> None:
    run_store(25, 30)


@pytest.mark.long
def test_the_store_does_what_the_model_does_for_long() -> None:
    run_store(450, 50)
