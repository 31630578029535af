"""Backup of a database to a file, and back.

Owns the two loops, between a peer and ``backup_file``. A backup holds every leaf of every document, with its history
and attachments; not ``_local`` documents and not the security object. A database that is written to meanwhile is saved
as if it were replicated: each document as it was at some moment of the backup. A revision that went away between the
feed and its fetch (superseded and compacted, stemmed) has successors; these are fetched in its place at once, since the
pass in which the feed tells of them may be one too many. Only what was purged is in no file.

Restoring is replication too: it adds what the target lacks, so it can be repeated, and resumed by repeating.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Final

import msgspec

from docstore.replication.backup.file import (
    PART_BYTES,
    AttachmentHead,
    BackupWriter,
    BadBackup,
    Contents,
    StoredAttachment,
    StoredDoc,
    read_docs,
    read_part,
)
from docstore.replication.errors import PeerBroken, PeerNotFound
from docstore.replication.peer import (
    Change,
    ChangesRequest,
    FetchedAttachment,
    FetchedDoc,
    MissingDoc,
    Peer,
    Wanted,
    WriteFailure,
)

BATCH_DOCS: Final = 500
BATCH_BYTES: Final = 4 * 1024 * 1024
DATABASE_NOT_FOUND: Final = "db_not_found"
MAX_PASSES: Final = 5
"""So often the changes feed is read again for what was written meanwhile."""

MAX_FETCHES: Final = 10
"""So often a document is asked for whose leaves change each time, before the backup fails."""


class _Attached(msgspec.Struct, rename={"attachments": "_attachments"}):
    attachments: dict[str, msgspec.Raw] = {}


_read_attached = msgspec.json.Decoder(_Attached)


@dataclass(slots=True)
class Saved:
    """What a backup has done so far. ``gone``: revisions that went before they were read; others took their place."""

    docs: int = 0
    attachments: int = 0
    gone: int = 0
    pending: int | None = None


@dataclass(slots=True)
class Restored:
    """What a restore has done so far. ``known``: revisions that the target had."""

    docs: int = 0
    known: int = 0
    failures: int = 0


async def save(source: Peer, writer: BackupWriter, on_progress: Callable[[Saved], None]) -> Saved:
    """Write what follows ``writer.seq``, with a checkpoint after each batch, and the end.

    Raises what the peer raises, OSError; and PeerBroken for an attachment whose bytes are not those of its digest.
    """
    saved = Saved()
    for _ in range(MAX_PASSES):
        written = 0
        async with aclosing(source.changes(ChangesRequest(since=writer.seq, batch_rows=BATCH_DOCS))) as batches:
            async for batch in batches:
                await _save_batch(source, writer, batch.changes, saved)
                written += len(batch.changes)
                saved.pending = batch.pending
                if batch.changes:
                    writer.checkpoint(batch.last_seq)
                writer.seq = batch.last_seq
                on_progress(saved)
        if not written:
            break
    writer.end(writer.seq)
    return saved


async def _save_batch(source: Peer, writer: BackupWriter, changes: Sequence[Change], saved: Saved) -> None:
    """Write the leaves of these documents. Raises PeerBroken if the source tells of some and does not give them."""
    wanted = {change.id: change.revs for change in changes}
    written: set[tuple[str, str]] = set()
    for _ in range(MAX_FETCHES):
        if not wanted:
            return
        missing: set[str] = set()
        async with aclosing(source.fetch([Wanted(doc_id, revs) for doc_id, revs in wanted.items()])) as found:
            async for doc in found:
                if isinstance(doc, MissingDoc):
                    saved.gone += 1
                    missing.add(doc.id)
                elif await _save_document(writer, doc, saved):
                    written.add((doc.id, doc.rev))
                else:
                    missing.add(doc.id)
        leaves = await _leaves(source, missing) if missing else {}
        wanted = {doc_id: tuple(rev for rev in revs if (doc_id, rev) not in written) for doc_id, revs in leaves.items()}
        wanted = {doc_id: revs for doc_id, revs in wanted.items() if revs}
    if wanted:
        raise PeerBroken(f"{source.name} has revisions of {next(iter(wanted))!r} and does not give them.")


async def _leaves(source: Peer, doc_ids: set[str]) -> dict[str, tuple[str, ...]]:
    """The present leaves of documents, those that are still there."""
    async with aclosing(source.changes(ChangesRequest(doc_ids=tuple(sorted(doc_ids))))) as batches:
        return {change.id: change.revs async for batch in batches for change in batch.changes}


async def _save_document(writer: BackupWriter, doc: FetchedDoc, saved: Saved) -> bool:
    """Whether the revision was there to the end: it may go while its attachments are read, and is taken back then."""
    before = writer.place() if doc.attachments else None
    text = doc.text
    writer.doc(text)
    try:
        for attachment in doc.attachments:
            await _save_attachment(writer, doc, attachment)
    except PeerNotFound as error:
        if before is None or error.error == DATABASE_NOT_FOUND:
            raise
        writer.take_back(before)
        saved.gone += 1
        return False
    saved.docs += 1
    if b'"_attachments"' in text:
        saved.attachments += len(_read_attached.decode(text).attachments)
    return True


async def _save_attachment(writer: BackupWriter, doc: FetchedDoc, attachment: FetchedAttachment) -> None:
    writer.attachment(
        AttachmentHead(
            attachment.name,
            attachment.content_type,
            attachment.revpos,
            attachment.digest,
            attachment.length,
            attachment.encoding,
            attachment.encoded_length,
        )
    )
    digest = md5(usedforsecurity=False)
    rest = bytearray()
    async with aclosing(attachment.open()) as pieces:
        async for piece in pieces:
            digest.update(piece)
            rest += piece
            while len(rest) >= PART_BYTES:
                writer.part(bytes(rest[:PART_BYTES]))
                del rest[:PART_BYTES]
    if rest:
        writer.part(bytes(rest))
    found = f"md5-{b64encode(digest.digest()).decode()}"
    if attachment.digest.startswith("md5-") and found != attachment.digest:
        raise PeerBroken(f"the attachment {attachment.name!r} of {doc.id!r} is not what its digest says")


async def restore(
    path: Path,
    contents: Contents,
    target: Peer,
    on_progress: Callable[[Restored], None],
    on_failure: Callable[[WriteFailure], None],
    *,
    incomplete: bool = False,
) -> Restored:
    """Write what the target, made if it is missing, lacks of a file. ``contents``: what ``verify`` found in it.

    Raises BadBackup, before anything is written, for a file without an end, unless ``incomplete``.
    """
    if not contents.complete and not incomplete:
        raise BadBackup(f"{path} is not complete: the backup was interrupted after {contents.docs} documents.")
    await target.create({"partitioned": "true"} if contents.partitioned else None)
    restored = Restored()
    for batch in _batches(read_docs(path, contents)):
        missing = await target.revs_diff(_revs_by_id(batch))
        lacking = {(doc_id, rev) for doc_id, diff in missing.items() for rev in diff.missing}
        wanted = [doc for doc in batch if (doc.doc_id, doc.rev) in lacking]
        failures = await target.write([_fetched(path, doc) for doc in wanted])
        for failure in failures:
            on_failure(failure)
        restored.known += len(batch) - len(wanted)
        restored.failures += len(failures)
        restored.docs += len(wanted) - len(failures)
        on_progress(restored)
    return restored


def _revs_by_id(batch: Iterable[StoredDoc]) -> dict[str, list[str]]:
    revs: dict[str, list[str]] = {}
    for doc in batch:
        revs.setdefault(doc.doc_id, []).append(doc.rev)
    return revs


def _batches(docs: Iterator[StoredDoc]) -> Iterator[list[StoredDoc]]:
    for first in docs:
        batch, size = [first], len(first.text)
        for doc in docs:
            batch.append(doc)
            size += len(doc.text)
            if size >= BATCH_BYTES or len(batch) >= BATCH_DOCS:
                break
        yield batch


def _fetched(path: Path, doc: StoredDoc) -> FetchedDoc:
    attachments = tuple(_attachment(path, stored) for stored in doc.attachments)
    return FetchedDoc(doc.doc_id, doc.rev, doc.deleted, doc.text, attachments=attachments)


def _attachment(path: Path, stored: StoredAttachment) -> FetchedAttachment:
    async def parts() -> AsyncGenerator[bytes]:
        for place in stored.parts:
            yield read_part(path, place)

    head = stored.head
    return FetchedAttachment(
        head.name, head.content_type, head.revpos, head.digest, head.length, head.encoded_length, head.encoding, parts
    )
