"""What the stubs of replicated revisions stand for.

Owns the search, which is made on a snapshot and not inside ``apply``: a stub stands for what the nearest ancestor has
whose body is still here, and that may be no leaf, so other nodes may have dropped it. Where it finds nothing the whole
request is refused, unless the revision would not become a leaf: then it is known, or told by another document of the
request as an ancestor, and is passed over, as by CouchDB. It must not know how edits are carried out. Follows
``couch_db:prep_and_validate_replicated_updates`` and ``make_first_doc_on_disk``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from docstore.core.attachment import Attachment, Stub, resolve, unpack_attachments
from docstore.core.document import Document
from docstore.core.rev import Rev
from docstore.core.revtree import EMPTY, RevTree
from docstore.errors import MissingStub
from docstore.storage.documents.documents import get_body, get_record, get_tree
from docstore.storage.rows import body_metadata
from docstore.storage.tables import ReadTransaction


class ResolvedStubs(NamedTuple):
    """By the place of each document: what its stubs stand for, by name; and which are not to be written."""

    found: Mapping[int, Mapping[str, Attachment]]
    passed_over: frozenset[int] = frozenset()

    @property
    def blobs(self) -> list[int]:
        """The numbers of the blobs."""
        return [one.blob for by_name in self.found.values() for one in by_name.values()]


NO_STUBS = ResolvedStubs({})

AT_ONCE: Final = 8
"""Documents with stubs whose trees may be read on the event loop."""

PATHS_AT_ONCE: Final = 4_096
"""Revisions told by all documents together that may be gone through there."""


def is_heavy(documents: Sequence[Document]) -> bool:
    """Whether looking at the stubs of these documents belongs into a thread."""
    with_stubs = sum(any(isinstance(one, Stub) for one in document.attachments) for document in documents)
    return with_stubs > AT_ONCE or (with_stubs > 0 and sum(len(one.path) for one in documents) > PATHS_AT_ONCE)


def resolve_replicated(txn: ReadTransaction, database: int, documents: Sequence[Document]) -> ResolvedStubs:
    """Resolve the stubs of all documents. Raises MissingStub."""
    found: dict[int, Mapping[str, Attachment]] = {}
    passed_over: set[int] = set()
    ancestors: frozenset[tuple[str, Rev]] | None = None
    doc_id, tree = "", EMPTY
    for place, document in enumerate(documents):
        stubs = [spec for spec in document.attachments if isinstance(spec, Stub)]
        if not stubs:
            continue
        if document.id != doc_id:  # those of one document mostly come together
            record = get_record(txn, database, document.id)
            doc_id, tree = document.id, EMPTY if record is None else get_tree(txn, database, record)
        try:
            resolved = resolve(document.id, stubs, _nearest_attachments(txn, database, tree, document.path), 0)
        except MissingStub:
            if tree is EMPTY or document.rev is None:
                raise
            if document.rev not in tree.nodes:
                if ancestors is None:
                    ancestors = frozenset((each.id, rev) for each in documents for rev in each.path[1:])
                if (document.id, document.rev) not in ancestors:
                    raise
            passed_over.add(place)
        else:
            found[place] = {one.name: one.attachment for one in resolved}
    return ResolvedStubs(found, frozenset(passed_over))


def _nearest_attachments(
    txn: ReadTransaction, database: int, tree: RevTree, path: Sequence[Rev]
) -> Iterable[Attachment]:
    """The attachments of the newest revision of a path, itself among them, whose body is there."""
    known = next((rev for rev in path if rev in tree.nodes), None)
    for rev in () if known is None else tree.path_to(known):
        seq = tree.nodes[rev].seq
        body = get_body(txn, database, seq) if seq else None
        if body is not None:
            return unpack_attachments(body_metadata(body))
    return ()
