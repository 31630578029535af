"""Whatever is done to documents with attachments: the counts of blobs stay exact, and every leaf's bytes readable.

Each step is a command, carried out as the writer does it. The model keeps, for every revision that was ever written,
which bytes each attachment has. After every step the store must pass the check, which recounts everything, and every
leaf's attachments must have their bytes.
"""

import hashlib
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from docstore.core.attachment import Attachment, EditAttachment, Linked, Stub, unpack_attachments
from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.core.revision_hash import EMPTY_BODY_TERM
from docstore.core.revtree import EMPTY, RevTree
from docstore.database import commands
from docstore.database.apply.updater import apply
from docstore.errors import BytesGone, Conflict, MissingStub
from docstore.storage.attachments import blob_rows, blobs, garbage, staging
from docstore.storage.attachments.staging import WholeBlob
from docstore.storage.check import blobs as check_blobs
from docstore.storage.documents import documents
from docstore.storage.rows import DatabaseRow, body_metadata
from tests.storage.stores import Store

CHUNK = 4
IDS = ("a", "b")
NAMES = ("x", "y", "z")
DATAS = (b"", b"one", b"four", b"longer than a chunk", b"quite a bit longer than a chunk", b"longer than another")
LEASE = 10

datas = st.sampled_from(DATAS)
pick = st.integers(0, 7)
choices = st.dictionaries(st.sampled_from(NAMES), st.integers(-1, 3), max_size=3)
"""Name -> -1 for a stub, or which of the staged blobs."""


def whole(data: bytes) -> WholeBlob:
    return WholeBlob(data, hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).digest())


class AttachmentReferences(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="docstore-references-"))
        self.store = Store(self.folder)
        self.now = 0
        self.edits = 0
        self.db = 0
        self.staged: dict[int, tuple[int, bytes]] = {}
        self.expected: dict[tuple[str, Rev], dict[str, bytes]] = {}

    def expire(self, now: int, *, killed: bool = False) -> int:
        with self.store.read() as txn:
            over = staging.find_expired(txn, now, all_transient=killed)
        return self.carry_out(commands.ExpireStagings(tuple(over), now, killed))

    def teardown(self) -> None:
        self.expire(self.now + LEASE + 1)
        self.collect(1)
        with self.store.read() as txn:
            assert list(staging.scan_stagings(txn)) == []
            with txn.cursor(txn.tables.bodies) as cursor:
                named = {blob for _, body in cursor.iternext() for blob in blobs.numbers_of(body)}
            with txn.cursor(txn.tables.blob_refs) as cursor:
                assert len(list(cursor.iternext(values=False))) == len(named)
        self.store.environment.close()
        shutil.rmtree(self.folder)

    # --- how it is done

    def carry_out(self, command: object) -> object:
        with self.store.write() as txn:
            [result] = apply(txn, [command])
        return result

    def tree(self, doc_id: str) -> RevTree:
        with self.store.read() as txn:
            record = documents.get_record(txn, self.db, doc_id)
            return EMPTY if record is None else documents.get_tree(txn, self.db, record)

    def body(self, seq: int) -> bytes | None:
        with self.store.read() as txn:
            return documents.get_body(txn, self.db, seq)

    def attachments_at(self, seq: int) -> dict[str, Attachment]:
        body = self.body(seq)
        return {} if body is None else {one.name: one for one in unpack_attachments(body_metadata(body))}

    def link(self, name: str, which: int, *, fresh: bool) -> tuple[Linked, bytes] | None:
        """A staged blob as an attachment."""
        if not self.staged:
            return None
        number = sorted(self.staged)[which % len(self.staged)]
        blob, data = self.staged[number]
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        meta = Attachment(name, "image/png", md5, len(data), len(data), None, 1, blob)
        return Linked(meta, fresh=fresh, staging=number), data

    # --- steps

    @initialize(limit=st.sampled_from([1, 2, 3, 1000]))
    def create(self, limit: int) -> None:
        row = self.carry_out(commands.CreateDatabase("db", "0" * 32, 1, 1, limit, 10))
        assert isinstance(row, DatabaseRow)
        self.db = row.number

    @rule(chosen=st.lists(datas, max_size=3))
    def stage(self, chosen: list[bytes]) -> None:
        results = self.carry_out(commands.StageBlobs(tuple(map(whole, chosen)), self.now + LEASE))
        assert isinstance(results, list)
        for (number, blob), data in zip(results, chosen, strict=True):
            self.staged[number] = (blob, data)

    @rule(data=datas, cuts=st.lists(st.integers(0, 20), max_size=3), sealed=st.booleans())
    def upload(self, data: bytes, cuts: list[int], sealed: bool) -> None:
        places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
        number = self.carry_out(commands.BeginStaging(self.now + LEASE, b""))
        assert isinstance(number, int)
        for start, end in pairwise(places):
            assert self.carry_out(commands.AppendStaging(number, start, data[start:end], self.now + LEASE)) == end
        if sealed:
            last = whole(data)._replace(data=b"")
            blob = self.carry_out(commands.SealStaging(number, len(data), last, self.now + LEASE))
            assert isinstance(blob, int)
            self.staged[number] = (blob, data)

    @rule(doc_id=st.sampled_from(IDS), which=pick, chosen=choices, deleted=st.booleans())
    def edit(self, doc_id: str, which: int, chosen: dict[str, int], deleted: bool) -> None:
        """An edit of a leaf, or of none."""
        tree = self.tree(doc_id)
        leaves = tree.leaves()
        parent = leaves[which % len(leaves)] if leaves and which else None
        before = self.attachments_at(tree.nodes[parent].seq) if parent is not None else {}
        wanted: list[EditAttachment] = []
        after: dict[str, bytes] = {}
        taken = []
        for name, choice in chosen.items():
            linked = self.link(name, choice, fresh=True) if choice >= 0 else None
            if linked is not None:
                wanted.append(linked[0])
                after[name] = linked[1]
                taken.append(linked[0].staging)
            else:
                wanted.append(Stub(name))
                if parent is not None and name in before:
                    after[name] = self.expected[doc_id, parent][name]
        self.edits += 1
        term = EMPTY_BODY_TERM + b"%d" % self.edits
        edit = Edit(doc_id, parent, deleted, b"{}", term, path=(), attachments=tuple(wanted))
        [answer] = self.answers(commands.EditDocuments(self.db, (edit,)))
        if isinstance(answer, Rev):
            self.expected[doc_id, answer] = after
            self.taken_over(taken)
        else:
            assert isinstance(answer, Conflict | MissingStub)

    @rule(doc_id=st.sampled_from(IDS), which=pick, generation=st.integers(1, 3), chosen=choices, deleted=st.booleans())
    def replicate(self, doc_id: str, which: int, generation: int, chosen: dict[str, int], deleted: bool) -> None:
        """A revision made elsewhere: a new root, or a branch of any revision known here."""
        self.edits += 1
        nodes = sorted(self.tree(doc_id).nodes)
        base = nodes[which % len(nodes)] if nodes and which else None
        below = () if base is None else (base,)
        start = generation if base is None else base.generation + 1
        new = Rev(start, b"%016d" % self.edits)
        links = [self.link(name, max(choice, 0), fresh=False) for name, choice in chosen.items()]
        found = [linked for linked in links if linked is not None]
        attachments = tuple(linked for linked, _ in found)
        edit = Edit(doc_id, None, deleted, b"{}", b"", path=(new, *below), attachments=attachments)
        [answer] = self.answers(commands.EditDocuments(self.db, (edit,), new_edits=False))
        assert answer == new
        self.expected[doc_id, new] = {linked.name: data for linked, data in found}
        self.taken_over([linked.staging for linked in attachments])

    @rule(doc_id=st.sampled_from(IDS), which=pick, name=st.sampled_from(NAMES))
    def copy(self, doc_id: str, which: int, name: str) -> None:
        """Attachments of a leaf, taken over without a lease, as COPY does."""
        tree = self.tree(doc_id)
        leaves = tree.leaves()
        if not leaves:
            return
        leaf = leaves[which % len(leaves)]
        kept = self.attachments_at(tree.nodes[leaf].seq)
        self.edits += 1
        attachments = tuple(Linked(one) for one in kept.values())
        edit = Edit(
            f"copy {name}", None, False, b"{}", b"", path=(Rev(1, b"%016d" % self.edits),), attachments=attachments
        )
        [answer] = self.answers(commands.EditDocuments(self.db, (edit,), new_edits=False))
        assert isinstance(answer, Rev)

    @rule()
    def name_what_is_gone(self) -> None:
        gone = Linked(Attachment("x", "image/png", bytes(16), 1, 1, None, 1, 1 << 40))
        edit = Edit("a", None, False, b"{}", b"", path=(Rev(9, b"never"),), attachments=(gone,))
        [answer] = self.answers(commands.EditDocuments(self.db, (edit,), new_edits=False))
        assert isinstance(answer, BytesGone)

    @rule(doc_id=st.sampled_from(IDS), which=pick)
    def purge(self, doc_id: str, which: int) -> None:
        revs = sorted(self.tree(doc_id).nodes)
        self.edits += 1
        chosen = tuple(revs[which % len(revs) :][:2]) if revs else ()
        request = commands.PurgeRequest(f"{self.edits:032d}", doc_id, chosen)
        self.carry_out(commands.Purge(self.db, (request,)))

    @rule()
    def compact(self) -> None:
        position: object = 0
        while isinstance(position, int):
            position = self.carry_out(commands.CompactDatabase(self.db, position))

    @rule(limit=st.integers(1, 4))
    def limit(self, limit: int) -> None:
        self.carry_out(commands.SetRevsLimit(self.db, limit))

    @rule(which=pick)
    def drop(self, which: int) -> None:
        if self.staged:
            number = sorted(self.staged)[which % len(self.staged)]
            del self.staged[number]
            self.carry_out(commands.DropStagings((number, 1 << 40)))

    @rule(time=st.integers(0, LEASE + 1), killed=st.booleans())
    def wait(self, time: int, killed: bool) -> None:
        """Time passes; and perhaps the process was killed, which ends what cannot be resumed."""
        self.now += time
        while self.expire(self.now, killed=killed):
            pass
        with self.store.read() as txn:
            left = dict(staging.scan_stagings(txn))
        assert all(row.expires > self.now and (row.resumable or not killed) for row in left.values())
        self.staged = {number: found for number, found in self.staged.items() if number in left}

    @rule(limit=st.integers(1, 5))
    def collect(self, limit: int) -> None:
        finished = False
        while not finished:
            with self.store.write() as txn:
                finished = garbage.collect(txn, garbage.waiting(txn), limit=limit)

    @rule()
    def delete_database(self) -> None:
        self.carry_out(commands.DeleteDatabase("db"))
        old, self.expected = self.db, {}
        self.create(1000)
        assert self.store.findings() == []
        while not self.carry_out(commands.SweepDatabase(old)):
            assert self.store.findings() == []

    def answers(self, command: commands.EditDocuments) -> list[object]:
        found = self.carry_out(command)
        assert isinstance(found, list)
        return found

    def taken_over(self, stagings: list[int]) -> None:
        with self.store.read() as txn:
            assert [staging.get_staging(txn, number) for number in stagings] == [None] * len(stagings)
        for number in stagings:
            self.staged.pop(number, None)

    # --- what must hold

    @invariant()
    def the_store_is_sound(self) -> None:
        assert self.store.findings() == []

    @invariant()
    def every_leaf_has_its_bytes(self) -> None:
        for doc_id in IDS if self.db else ():
            tree = self.tree(doc_id)
            for leaf in tree.leaves():
                found = self.attachments_at(tree.nodes[leaf].seq)
                with self.store.read() as txn:
                    shown = {name: blobs.read_range(txn, one.blob, 0, one.length) for name, one in found.items()}
                assert shown == self.expected[doc_id, leaf]

    @invariant()
    def staged_bytes_are_there(self) -> None:
        with self.store.read() as txn:
            for blob, data in self.staged.values():
                assert blobs.read_range(txn, blob, 0, len(data)) == data


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (blob_rows, blobs, staging, check_blobs):
        monkeypatch.setattr(module, "CHUNK_BYTES", CHUNK)


@pytest.mark.usefixtures("small_chunks")
def test_references_are_exact() -> None:
    run_state_machine_as_test(AttachmentReferences, settings=settings(max_examples=30, stateful_step_count=30))


@pytest.mark.long
@pytest.mark.usefixtures("small_chunks")
def test_references_are_exact_for_long() -> None:
    run_state_machine_as_test(AttachmentReferences, settings=settings(max_examples=1000, stateful_step_count=60))
