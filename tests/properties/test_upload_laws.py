"""Uploads under any sequence of requests, against a model that is a byte string.

The machine appends at right and wrong offsets, in requests that end well, are cut short, or bring a wrong checksum; it
completes with right and wrong revisions, cancels, and starts the server anew. What was acknowledged is never lost,
never doubled, and is what the attachment has in the end. After every step the store must pass the check.
"""

import asyncio
import hashlib
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from docstore.core.rev import Rev
from docstore.database.attachments import upload_receiver
from docstore.database.commands import AppendUpload
from docstore.errors import Conflict, InconsistentUploadLength, NotFound, OffsetMismatch
from docstore.node import Node
from docstore.storage.attachments import blob_rows, blobs, staging, uploads
from docstore.storage.attachments.upload_rows import UploadState
from tests.database import helpers
from tests.examples import examples
from tests.storage_findings import storage_findings

CHUNK = 7
"""Bytes of a chunk while this runs, so that a few bytes are many chunks."""

pieces = st.binary(max_size=3 * CHUNK)
types = st.sampled_from(["image/png", "text/plain"])
offsets = st.integers(-CHUNK, CHUNK)


@pytest.fixture(scope="module", autouse=True)
def small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        usual = blob_rows.CHUNK_BYTES
        for name, module in sorted(sys.modules.items()):
            if name.startswith(("docstore.storage", "docstore.database")) and vars(module).get("CHUNK_BYTES") == usual:
                patch.setattr(module, "CHUNK_BYTES", CHUNK)
        patch.setattr("docstore.database.attachments.blob_reader.PORTION_BYTES", 4 * CHUNK)
        patch.setattr(upload_receiver, "WINDOW_BYTES", 2 * CHUNK)
        patch.setattr(uploads, "STEP_CHUNKS", 2)
        yield


class UploadMachine(RuleBasedStateMachine):
    """One upload at a time. ``sent`` is what the server acknowledged of it, ``leaf`` the document's leaf."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.node = Node(helpers.settings(Path(self.folder.name)))
        self.run(self.node.start())
        self.db = self.run(self.node.registry.create("db"))
        self.upload = None
        self.sent = b""
        self.sealed = False
        self.leaf: Rev | None = None
        self.content = b""

    def run(self, awaitable):
        return self.runner.run(awaitable)

    def teardown(self) -> None:
        self.run(self.node.stop())
        self.runner.close()
        self.folder.cleanup()

    def now(self):
        return self.node.uploads.find(self.db.number, self.upload)

    has_upload = precondition(lambda self: self.upload is not None)

    @precondition(lambda self: self.upload is None)
    @rule(content_type=types)
    def begin(self, content_type) -> None:
        made = self.run(
            self.node.uploads.create(
                self.db.number, doc_id="doc", name="a", content_type=content_type, rev=self.leaf, length=None
            )
        )
        self.upload, self.sent, self.sealed = made.uuid, b"", False

    async def request(self, data: list[bytes], *, checksum=None, cut: bool = False) -> None:
        async with self.node.uploads.receive(self.now(), checksum=checksum) as receiver:
            for piece in data:
                await receiver.write(piece)
            if cut:
                raise ConnectionResetError
            await receiver.flush()
            if checksum is not None:
                await receiver.accept()

    @has_upload
    @rule(data=st.lists(pieces, max_size=4))
    def append(self, data) -> None:
        if self.sealed:
            return
        self.run(self.request(data))
        self.sent += b"".join(data)

    @has_upload
    @rule(data=st.lists(pieces, max_size=4), checked=st.booleans())
    def append_and_be_cut_short(self, data, checked) -> None:
        if self.sealed:
            return
        with pytest.raises(ConnectionResetError):
            self.run(self.request(data, cut=True, checksum=hashlib.sha1() if checked else None))
        if not checked:
            self.sent += b"".join(data)

    @has_upload
    @rule(data=st.lists(pieces, max_size=4))
    def append_with_a_checksum(self, data) -> None:
        if self.sealed:
            return
        self.run(self.request(data, checksum=hashlib.sha1()))
        self.sent += b"".join(data)

    @has_upload
    @rule(data=pieces, trial=st.booleans())
    def be_killed_with_bytes_on_trial(self, data, trial) -> None:
        """The commands of a request whose end never came."""
        if self.sealed or len(self.there()) != len(self.sent):
            return
        command = AppendUpload(self.db.number, self.upload, len(self.sent), data, 0, trial=trial)
        self.run(self.submit(command))
        if not trial:
            self.sent += data

    @has_upload
    @rule(data=pieces, away=offsets)
    def append_elsewhere(self, data, away) -> None:
        if not away or len(self.there()) != len(self.sent):
            return
        offset = max(len(self.sent) + away, 0)
        if offset == len(self.sent):
            return
        with pytest.raises(OffsetMismatch) as caught:
            self.run(self.submit(AppendUpload(self.db.number, self.upload, offset, data, 0)))
        assert caught.value.offset == len(self.sent)

    async def submit(self, command) -> object:
        return await self.node.writer.submit(command)

    @has_upload
    @rule()
    def complete(self) -> None:
        self.leaf = self.run(self.node.uploads.complete(self.now(), self.leaf))
        self.content = self.sent
        assert self.now().row.state is UploadState.COMPLETED
        self.upload = None

    @has_upload
    @rule()
    def complete_with_a_wrong_revision(self) -> None:
        with pytest.raises(Conflict):
            self.run(self.node.uploads.complete(self.now(), Rev(9, b"\x09" * 16)))
        self.sealed = True

    @has_upload
    @rule(length=st.integers(1, 5))
    def promise_more(self, length) -> None:
        """A length that is not reached: nothing is completed."""
        if self.sealed:
            return
        upload = self.now()
        promised = upload._replace(row=upload.row._replace(length=len(self.sent) + length))
        with pytest.raises(InconsistentUploadLength):
            self.run(self.node.uploads.complete(promised, self.leaf))

    @has_upload
    @rule()
    def cancel(self) -> None:
        self.run(self.node.uploads.cancel(self.now()))
        with pytest.raises(NotFound):
            self.now()
        self.upload = None

    @rule()
    def start_anew(self) -> None:
        self.run(self.node.stop())
        self.node = Node(helpers.settings(Path(self.folder.name)))
        self.run(self.node.start())
        self.db = self.node.registry.open("db")

    def there(self) -> bytes:
        with self.node.env.snapshot() as snapshot:
            held = staging.get_staging(snapshot, self.now().row.staging)
            return blobs.read_range(snapshot, held.blob, 0, uploads.bytes_there(snapshot, self.now().row))

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        if self.upload is not None:
            assert self.now().row.offset == len(self.sent)
            if not self.sealed:
                assert self.there()[: len(self.sent)] == self.sent
        if self.leaf is not None:
            assert self.run(self.read()) == self.content
        assert storage_findings(self.node) == []

    async def read(self) -> bytes:
        opened = self.db.open_attachment("doc", "a")
        return b"".join([piece async for piece in opened.decoded()])


UploadMachine.TestCase.settings = settings(
    max_examples=examples(12, 60), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestUploads = UploadMachine.TestCase
