"""Laws of who wrote what, when, over random edits, replications, resolutions, compactions, purges and clocks.

A leaf has an author if and only if it was written here, and that is who was said. A date that is told of a document is
beyond all that were told of other states of it: so who has seen one of those is never told that it still stands.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from docstore.core.authorship import Written
from docstore.core.edit import Edit
from docstore.core.resolution import Resolution, Resolved
from docstore.core.rev import Rev
from docstore.core.revision_hash import EMPTY_BODY_TERM
from docstore.core.revtree import EMPTY, RevTree
from docstore.database import commands
from docstore.database.apply.updater import apply
from docstore.errors import DocstoreError
from docstore.settings import Durability, StorageSettings
from docstore.storage.check.store import check
from docstore.storage.documents.documents import get_record, get_tree
from docstore.storage.documents.records import DocRecord, date_of, decode_record, encode_record
from docstore.storage.documents.stamps import unpack_stamps
from docstore.storage.engine.environment import Environment
from tests.examples import examples

DB = 1
IDS = ["a", "b" * 400]
SECOND = 1_000_000
pick = st.integers(0, 50)
names = st.sampled_from([None, "alice", "bob"])
steps = st.sampled_from([0, 0, 1, SECOND // 2, SECOND, 3 * SECOND, -SECOND, -5 * SECOND])


class Authorship(RuleBasedStateMachine):
    """A store beside a model: the writes that are known of leaves, and the dates that were told."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.environment = Environment.open(self.folder, StorageSettings(durability=Durability.NONE))
        self.now = 100 * SECOND
        self.count = 0
        self.written: dict[tuple[str, Rev], Written] = {}
        self.told: dict[str, list[tuple[Rev, int]]] = {doc_id: [] for doc_id in IDS}

    def teardown(self) -> None:
        with self.environment.snapshot() as snapshot:
            assert list(check(snapshot)) == []
        self.environment.close()
        shutil.rmtree(self.folder)

    def apply(self, *group: object) -> list[object]:
        """Carry out commands, and note the dates of what has come of them."""
        transaction = self.environment.begin_write()
        results = apply(transaction, group)
        transaction.transaction.commit()
        for doc_id in IDS:
            record = self.record(doc_id)
            if record is not None and record.date is not None:
                self.told[doc_id].append((record.winner, record.date))
        return results

    def record(self, doc_id: str) -> DocRecord | None:
        with self.environment.snapshot() as snapshot:
            return get_record(snapshot, DB, doc_id)

    def tree(self, doc_id: str) -> RevTree:
        with self.environment.snapshot() as snapshot:
            record = get_record(snapshot, DB, doc_id)
            return EMPTY if record is None else get_tree(snapshot, DB, record)

    def edit_of(self, doc_id: str, parent: Rev | None, *, deleted: bool) -> Edit:
        self.count += 1
        return Edit(doc_id, parent, deleted, b"{}", EMPTY_BODY_TERM + b"%d" % self.count)

    # --- steps

    @initialize(limit=st.sampled_from([1, 2, 1000]))
    def create(self, limit: int) -> None:
        self.apply(commands.CreateDatabase("db", "0" * 32, 1, 1, limit, 10))

    @rule(by=steps)
    def wait(self, by: int) -> None:
        self.now = max(self.now + by, 0)

    @rule(doc_id=st.sampled_from(IDS), which=pick, deleted=st.booleans(), by=names, again=st.booleans(), step=steps)
    def edit(self, doc_id: str, which: int, deleted: bool, by: str | None, again: bool, step: int) -> None:
        """An edit of a leaf, or of none; perhaps with another one of the same command."""
        self.wait(step)
        leaves = self.tree(doc_id).leaves()
        parent = leaves[which % len(leaves)] if leaves and which else None
        edits = (self.edit_of(doc_id, parent, deleted=deleted),)
        if again:
            edits += (self.edit_of("other", None, deleted=False),)
        written = Written(self.now, by)
        [answers] = self.apply(commands.EditDocuments(DB, edits, written=written))
        assert isinstance(answers, list)
        if isinstance(answers[0], Rev):
            self.written[doc_id, answers[0]] = written

    @rule(doc_id=st.sampled_from(IDS), which=pick, length=st.integers(1, 3), deleted=st.booleans())
    def replicate(self, doc_id: str, which: int, length: int, deleted: bool) -> None:
        """A revision made elsewhere: a new root, or a branch of any revision known here."""
        nodes = sorted(self.tree(doc_id).nodes)
        path = (nodes[which % len(nodes)],) if nodes and which else ()
        for _ in range(length):
            self.count += 1
            path = (Rev(path[0].generation + 1 if path else 1, b"%016d" % self.count), *path)
        edit = Edit(doc_id, None, deleted, b"{}", b"", path=path)
        self.apply(commands.EditDocuments(DB, (edit,), new_edits=False))

    @rule(doc_id=st.sampled_from(IDS), which=pick, keep=st.booleans(), by=names, step=steps)
    def resolve(self, doc_id: str, which: int, keep: bool, by: str | None, step: int) -> None:
        self.wait(step)
        tree = self.tree(doc_id)
        live = tuple(leaf for leaf in tree.leaves() if not tree.nodes[leaf].deleted)
        if not live:
            return
        chosen = live[which % len(live)]
        resolution = Resolution(doc_id, live, keep=chosen)
        if not keep:
            resolution = Resolution(doc_id, live, result=self.edit_of(doc_id, chosen, deleted=False))
        written = Written(self.now, by)
        [answers] = self.apply(commands.ResolveDocuments(DB, (resolution,), written=written))
        assert isinstance(answers, list)
        [answer] = answers
        if isinstance(answer, Resolved):
            for rev in set(self.tree(doc_id).leaves()) - set(tree.nodes):
                self.written[doc_id, rev] = written
        else:
            assert isinstance(answer, DocstoreError)

    @rule(doc_id=st.sampled_from(IDS), chosen=st.lists(pick, max_size=2))
    def purge(self, doc_id: str, chosen: list[int]) -> None:
        revs = sorted(self.tree(doc_id).nodes)
        self.count += 1
        wanted = tuple({revs[which % len(revs)] for which in chosen}) if revs else ()
        self.apply(commands.Purge(DB, (commands.PurgeRequest(f"{self.count:032d}", doc_id, wanted),)))
        if self.record(doc_id) is None:
            self.told[doc_id].clear()  # nothing is left of it, so nothing tells a new document from the old one

    @rule()
    def compact(self) -> None:
        position: object = 0
        while isinstance(position, int):
            [position] = self.apply(commands.CompactDatabase(DB, position))

    @rule(limit=st.integers(1, 4))
    def limit(self, limit: int) -> None:
        self.apply(commands.SetRevsLimit(DB, limit))

    # --- laws

    @invariant()
    def authors_are_those_of_the_leaves_written_here(self) -> None:
        for doc_id in IDS:
            record = self.record(doc_id)
            if record is None:
                continue
            tree = self.tree(doc_id)
            leaves = {tree.nodes[leaf].seq: leaf for leaf in tree.leaves()}
            stamps = {leaves[seq]: written for seq, written in unpack_stamps(record.stamps()).items()}
            wanted = {leaf: self.written[doc_id, leaf] for leaf in leaves.values() if (doc_id, leaf) in self.written}
            assert stamps == wanted
            assert decode_record(encode_record(record)) == record

    @invariant()
    def a_date_stands_for_one_state(self) -> None:
        for doc_id in IDS:
            record = self.record(doc_id)
            if record is None:
                continue
            assert date_of(encode_record(record)) == record.date
            if record.date is not None:
                others = [date for winner, date in self.told[doc_id] if winner != record.winner]
                assert record.date > max(others, default=-1)


Authorship.TestCase.settings = settings(max_examples=examples(25, 120), stateful_step_count=25, deadline=None)
TestAuthorship = Authorship.TestCase
