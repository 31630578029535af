"""Which revisions a replica lacks: ``_revs_diff`` and ``_missing_revs``.

Owns the comparison of lists of revisions with stored trees. It must not know HTTP. Follows
``couch_db:get_missing_revs``: interior revisions count as present, possible ancestors are leaves of lower generation.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from docstore.core.rev import Rev
from docstore.storage.documents import get_records, get_tree
from docstore.storage.tables import ReadTransaction


class RevsDiff(NamedTuple):
    """What is missing of one document, and the leaves that its missing revisions may descend from."""

    missing: list[Rev]
    possible_ancestors: list[Rev]


def revs_diff(txn: ReadTransaction, db: int, requests: Mapping[str, Sequence[Rev]]) -> dict[str, RevsDiff]:
    """Per document the revisions that are missing, in the order asked; documents that lack none are left out.

    A document whose only leaf is the only revision asked for, as in most of a replication, costs no tree.
    """
    records = get_records(txn, db, requests)
    answer: dict[str, RevsDiff] = {}
    for doc_id, revs in requests.items():
        record = records.get(doc_id)
        if record is None:
            diff = RevsDiff(list(revs), [])
        elif all(rev == record.winner for rev in revs):
            continue
        else:
            tree = get_tree(txn, db, record)
            missing = tree.missing(revs)
            diff = RevsDiff(missing, tree.possible_ancestors(missing))
        if diff.missing:
            answer[doc_id] = diff
    return answer
