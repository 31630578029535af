"""The loop of a backup: what changes while it reads is in the file, as it was at some moment."""

from base64 import b64encode

import pytest

from docstore.replication.backup.backup import MAX_PASSES, save
from docstore.replication.backup.file import BackupWriter, read_docs, verify
from docstore.replication.errors import PeerBroken, PeerNotFound
from docstore.replication.peer import FetchedAttachment, FetchedDoc, MissingDoc
from tests.replication.memory_peer import MemoryPeer


class Busy(MemoryPeer):
    """Before each fetch of "busy" it is edited, and what was there before is compacted away."""

    edits = 0

    async def fetch(self, wanted):
        asked = [one for one in wanted if one.id == "busy"]
        if asked and self.edits and asked[0].revs[0] == self.leaves()["busy"][0]:
            self.edits -= 1
            tree = self.trees["busy"]
            path = [str(rev) for rev in tree.path_to(tree.winner())]
            self.put("busy", f"{len(path) + 1}-a", *path)
            yield MissingDoc("busy", path[0], "not_found", "missing")
            wanted = [one for one in wanted if one.id != "busy"]
        async for doc in super().fetch(wanted):
            yield doc


async def saved_by(source, path):
    with BackupWriter.create(path, "db") as writer:
        saved = await save(source, writer, lambda saved: None)
    contents = verify(path)
    return saved, contents, [(doc.doc_id, doc.rev) for doc in read_docs(path, contents)]


async def test_a_revision_that_is_compacted_away_is_followed_by_its_successor_in_every_pass(tmp_path):
    source = Busy()
    source.edits = MAX_PASSES + 2
    source.put("busy", "1-a")
    source.put("other", "1-a")
    saved, contents, docs = await saved_by(source, tmp_path / "file")
    assert contents.complete
    assert ("busy", source.leaves()["busy"][0]) in docs
    assert ("other", "1-a") in docs
    assert saved.gone == MAX_PASSES + 2


async def test_what_the_source_never_gives_leaves_the_file_without_an_end(tmp_path):
    source = MemoryPeer(lost={("a", "1-a")})
    source.put("a", "1-a")
    with pytest.raises(PeerBroken, match="has revisions of 'a' and does not give them"):
        await saved_by(source, tmp_path / "file")
    assert not verify(tmp_path / "file").complete


async def test_what_was_purged_meanwhile_is_not_missed(tmp_path):
    class Purging(MemoryPeer):
        async def fetch(self, wanted):
            if "a" in self.trees:
                self.purge("a", "1-a")
            async for doc in super().fetch(wanted):
                yield doc

    source = Purging()
    source.put("a", "1-a")
    source.put("b", "1-a")
    saved, contents, docs = await saved_by(source, tmp_path / "file")
    assert (saved.gone, contents.complete, docs) == (1, True, [("b", "1-a")])


async def test_attachments_in_the_text_count(tmp_path):
    source = MemoryPeer()
    few = {name: {"content_type": "text/plain", "data": b64encode(b"x").decode()} for name in "abc"}
    source.put("a", "1-a", _attachments=few)
    source.put("b", "1-b")
    saved, *_ = await saved_by(source, tmp_path / "file")
    assert (saved.docs, saved.attachments) == (2, 3)


async def test_a_revision_that_goes_while_its_attachments_are_read_is_followed_by_its_successor(tmp_path):
    class Compacted(MemoryPeer):
        """Of "a" the first revision has two attachments that follow; the second of them is gone when it is read."""

        async def fetch(self, wanted):
            async for doc in super().fetch(wanted):
                yield with_attachments(doc, self) if doc.rev == "1-a" and doc.id == "a" else doc

    source = Compacted()
    source.put("b", "1-b")
    source.put("a", "1-a")
    source.put("c", "1-c")
    saved, contents, docs = await saved_by(source, tmp_path / "file")
    assert contents.complete
    assert sorted(docs) == [("a", "2-b"), ("b", "1-b"), ("c", "1-c")]
    assert (saved.docs, saved.attachments, saved.gone, contents.docs) == (3, 0, 1, 3)


def with_attachments(doc, source):
    async def read():
        yield b"x"

    async def gone():
        if "2-b" not in source.leaves()["a"]:
            source.put("a", "2-b", "1-a")
        raise PeerNotFound("missing", error="not_found")
        yield

    attachments = tuple(
        FetchedAttachment(name, "text/plain", 1, "", 1, 1, None, opened) for name, opened in (("x", read), ("y", gone))
    )
    return FetchedDoc(doc.id, doc.rev, False, doc.text, attachments=attachments)
