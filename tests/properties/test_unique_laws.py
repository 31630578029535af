"""Unique indexes, driven at random, against a model: who has which value.

The machine writes, replicates, deletes, resolves, purges and compacts, makes indexes and takes them away, closes and
opens again. An edit that goes beyond the model's rule is refused, and no other is; after every step the store passes
the check, which recounts all keys, and what is listed as standing twice is what the model has twice.
"""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from docstore.core.json_text import decode
from docstore.core.merge_strategies import Keep, Replace
from docstore.core.rev import Rev
from docstore.core.unique.errors import DuplicatesExist, NotUnique
from docstore.database.reading.documents import MissingRev
from docstore.errors import Conflict, DocumentDeleted, LastGeneration, NotFound, ResolveStaleLeaves
from docstore.node import Node
from docstore.storage.documents import unique_building
from tests.database import helpers
from tests.database.conflicting import resolve
from tests.database.unique import DDOC, current_rev, define, duplicates, make, view
from tests.storage_findings import storage_findings

IDS = ["a", "b", "c", "long " * 120]

values = st.sampled_from([1, 1.0, 2, "x", None, [1], {"n": 1}, {"n": 1.0}])
bodies = st.fixed_dictionaries({}, optional={"v": values, "w": st.integers(0, 1), "active": st.booleans()})
doc_ids = st.sampled_from(IDS)
INDEXES = {"v": (("v",), None), "vw": (("v", "w"), None), "some": (("w",), {"active": True})}


class Unique(RuleBasedStateMachine):
    """``indexes``: those that are there, by name, the fields and selector of each."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.node = Node(helpers.settings(Path(self.folder.name)))
        self.run(self.node.start())
        self.db = self.run(self.node.registry.create("db"))
        self.indexes: dict[str, tuple[tuple[str, ...], dict | None]] = {}

    def run(self, awaitable):
        return self.runner.run(awaitable)

    def teardown(self) -> None:
        self.run(self.node.stop())
        self.runner.close()
        self.folder.cleanup()

    # --- the model, which is what the leaves say

    def leaves(self, doc_id: str) -> dict[Rev, dict]:
        """The live leaves of a document, and their bodies."""
        found = {}
        try:
            opened = self.db.open_revs(doc_id, "all")
        except NotFound:
            return {}
        for one in opened:
            if isinstance(one, MissingRev) or one.deleted:
                continue
            body = decode(one.json)
            found[one.rev] = {name: value for name, value in body.items() if not name.startswith("_")}
        return found

    def keys_of(self, body: dict) -> list[tuple[str, list]]:
        """What a revision with this body has in the indexes."""
        found = []
        for name, (fields, selector) in self.indexes.items():
            matches = selector is None or all(body.get(field) is value for field, value in selector.items())
            if matches and all(field in body for field in fields):
                found.append((name, [body[field] for field in fields]))
        return found

    def in_the_way(self, doc_id: str, body: dict, parent: dict | None) -> bool:
        """Whether another document has what this revision would have, and its parent has not."""
        had = [] if parent is None else self.keys_of(parent)
        wanted = [key for key in self.keys_of(body) if key not in had]
        others = [
            key
            for other in IDS
            if other != doc_id
            for leaf in self.leaves(other).values()
            for key in self.keys_of(leaf)
        ]
        return any(key in others for key in wanted)

    def twice(self) -> list[tuple[str, list[str]]]:
        """(index, ids) of everything that stands twice."""
        held: list[tuple[tuple[str, list], set[str]]] = []
        for doc_id in IDS:
            for leaf in self.leaves(doc_id).values():
                for key in self.keys_of(leaf):
                    ids = next((ids for known, ids in held if known == key), None)
                    if ids is None:
                        held.append((key, {doc_id}))
                    else:
                        ids.add(doc_id)
        return sorted((name, sorted(ids)) for (name, _), ids in held if len(ids) > 1)

    # --- steps

    @initialize(chosen=st.sets(st.sampled_from(sorted(INDEXES))))
    def begin(self, chosen):
        self.change_indexes(chosen)

    @rule(chosen=st.sets(st.sampled_from(sorted(INDEXES))))
    def change_indexes(self, chosen):
        """By hand, so that duplicates do not matter."""
        self.run(define(self.db, {name: view(*INDEXES[name][0], selector=INDEXES[name][1]) for name in chosen}))
        self.run(self.node.registry.unique.finish())
        self.indexes = {name: INDEXES[name] for name in chosen}

    @rule(name=st.sampled_from(sorted(INDEXES)))
    def make_one(self, name):
        """As a request does: it is the only one then, or refused."""
        before = self.indexes
        self.indexes = {name: INDEXES[name]}
        clean = not self.twice() or name in before
        fields, selector = INDEXES[name]
        try:
            self.run(make(self.node, self.db, *fields, name=name, selector=selector))
            assert clean
        except DuplicatesExist:
            assert not clean
            self.indexes = before
        self.run(self.node.registry.unique.finish())

    @rule(doc_id=doc_ids, body=bodies, data=st.data())
    def edit(self, doc_id, body, data):
        leaves = self.leaves(doc_id)
        on = data.draw(st.sampled_from(sorted(leaves))) if leaves else None
        refuses = self.in_the_way(doc_id, body, None if on is None else leaves[on])
        try:
            self.run(self.db.update_doc(helpers.document(doc_id, on, **body)))
            assert not refuses
        except NotUnique:
            assert refuses
        except (Conflict, LastGeneration):
            pass  # the content was sent before

    @rule(edits=st.lists(st.tuples(doc_ids, bodies, st.booleans()), max_size=4))
    def bulk(self, edits):
        """Each is decided as if those before it had been written: here one after the other does the same."""
        documents = [
            helpers.document(doc_id, current_rev(self.db, doc_id), deleted=deleted, **body)
            for doc_id, body, deleted in edits
        ]
        before = self.twice()
        self.run(self.db.update_docs(documents))
        assert all(one in before or self.grew(one, before) for one in self.twice())

    def grew(self, one, before) -> bool:
        """Whether this is what is left of something that stood twice before."""
        name, ids = one
        return any(name == other and set(ids) <= set(others) for other, others in before)

    @rule(doc_id=doc_ids, body=bodies, letters=st.text("abc", min_size=1, max_size=3), deleted=st.booleans())
    def replicate(self, doc_id, body, letters, deleted):
        """Never refused."""
        path = [f"{len(letters) - place}-{letter}" for place, letter in enumerate(letters)]
        pushed = helpers.replicated(doc_id, *path, deleted=deleted, **body)
        [result] = self.run(self.db.update_docs([pushed], new_edits=False))
        assert result.error is None

    @rule(doc_id=doc_ids, data=st.data())
    def delete(self, doc_id, data):
        leaves = self.leaves(doc_id)
        if leaves:
            on = data.draw(st.sampled_from(sorted(leaves)))
            self.run(self.db.update_doc(helpers.document(doc_id, on, deleted=True)))

    @rule(doc_id=doc_ids, body=bodies, keep=st.booleans(), data=st.data())
    def resolve_one(self, doc_id, body, keep, data):
        leaves = self.leaves(doc_id)
        if not leaves:
            return
        winner = next(iter(leaves)) if len(leaves) == 1 else self.db.open_doc(doc_id).rev
        how = Keep(data.draw(st.sampled_from(sorted(leaves)))) if keep else Replace(helpers.document(doc_id, **body))
        refuses = not keep and self.in_the_way(doc_id, body, leaves[winner])
        try:
            self.run(resolve(self.db, doc_id, how))
            assert not refuses
        except NotUnique:
            assert refuses
        except (Conflict, NotFound, DocumentDeleted, ResolveStaleLeaves):
            pass

    @rule(doc_id=doc_ids, data=st.data())
    def purge(self, doc_id, data):
        leaves = self.leaves(doc_id)
        if leaves:
            self.run(self.db.purge({doc_id: [data.draw(st.sampled_from(sorted(leaves)))]}))

    @rule(limit=st.integers(1, 3))
    def compact(self, limit):
        self.run(self.db.set_revs_limit(limit))
        self.run(self.db.compact())

    @rule()
    def reopen(self):
        self.run(self.node.stop())
        self.node = Node(helpers.settings(Path(self.folder.name)))
        self.run(self.node.start())
        self.db = self.node.registry.open("db")

    @invariant()
    def the_store_passes_the_check(self):
        assert storage_findings(self.node) == []

    @invariant()
    def what_is_listed_stands_twice(self):
        listed = self.run(duplicates(self.db))
        assert sorted((row["name"], sorted(row["ids"])) for row in listed) == self.twice()
        assert {row["ddoc"] for row in listed} <= {DDOC}


def run_machine(examples: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unique_building, "STEP_BYTES", 1)
    monkeypatch.setattr(unique_building, "STEP_ROWS", 2)
    run_state_machine_as_test(
        Unique,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_no_two_documents_have_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    run_machine(15, 20, monkeypatch)


@pytest.mark.long
def test_no_two_documents_have_the_same_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    run_machine(400, 50, monkeypatch)
