"""Which revisions a replica lacks: ``_revs_diff`` and ``_missing_revs``.

Owns the comparison of lists of revisions with stored trees. It must not know HTTP. Follows
``couch_db:get_missing_revs``: interior revisions count as present, possible ancestors are leaves of lower generation.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from docstore.core.rev import Rev
from docstore.database.reading.at_once import REVS, TREE_BYTES, TooMuchAtOnce, read_at_once_or_in_thread, tree_bytes
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import find_revision, get_records, get_tree
from docstore.storage.documents.records import DocRecord
from docstore.storage.engine.environment import Environment
from docstore.storage.tables import ReadTransaction

FEW_REVS: Final = 8
"""So many revisions are looked for one by one in a chain; the tree is unpacked for more."""


class RevsDiff(NamedTuple):
    """What is missing of one document, and the leaves that its missing revisions may descend from."""

    missing: list[Rev]
    possible_ancestors: list[Rev]


def revs_diff(
    txn: ReadTransaction, db: int, requests: Mapping[str, Sequence[Rev]], *, at_once: bool = False
) -> dict[str, RevsDiff]:
    """Per document the revisions that are missing; documents that lack none are left out.

    They are in the order of ``Rev``, but in that of the request where there is no document.

    A document whose only leaf is the only revision asked for, as in most of a replication, costs no tree, and a few
    revisions of one without conflicts cost none either. Raises DatabaseNotFound; TooMuchAtOnce if so asked.
    """
    get_state(txn, db)
    if at_once and sum(map(len, requests.values())) > REVS:
        raise TooMuchAtOnce
    records = get_records(txn, db, requests)
    answer: dict[str, RevsDiff] = {}
    left = TREE_BYTES
    for doc_id, revs in requests.items():
        record = records.get(doc_id)
        if record is None:
            diff = RevsDiff(list(revs), [])
        elif all(rev == record.winner for rev in revs):
            continue
        elif not record.whole and len(revs) <= FEW_REVS:
            diff = _diff_of_chain(txn, db, record, revs)
        else:
            left -= tree_bytes(record)
            if at_once and left < 0:
                raise TooMuchAtOnce
            tree = get_tree(txn, db, record)
            missing = tree.missing(revs)
            diff = RevsDiff(missing, tree.possible_ancestors(missing))
        if diff.missing:
            answer[doc_id] = diff
    return answer


async def compare_revs(environment: Environment, db: int, requests: Mapping[str, Sequence[Rev]]) -> dict[str, RevsDiff]:
    """``revs_diff``, at once or in a thread. Raises DatabaseNotFound."""
    return await read_at_once_or_in_thread(
        environment, lambda txn, at_once: revs_diff(txn, db, requests, at_once=at_once)
    )


def _diff_of_chain(txn: ReadTransaction, db: int, record: DocRecord, revs: Sequence[Rev]) -> RevsDiff:
    """The same of a document with one leaf: it is the only possible ancestor."""
    missing = sorted(rev for rev in revs if find_revision(txn, db, record, rev) is None)
    newer = any(rev.generation > record.winner.generation for rev in missing)
    return RevsDiff(missing, [record.winner] if newer else [])
