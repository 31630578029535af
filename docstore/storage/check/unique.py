"""The consistency check of unique indexes: what keys there are, against those that the documents should have.

Owns the recount. Every live leaf is looked up in the index, and the rows that were found are counted, so no more than a
number is kept for a document. Of an index that is being built, documents that its walk has not reached may lack theirs.
"""

from collections.abc import Iterator

from docstore.core.document import DESIGN_PREFIX
from docstore.core.unique.rule import Rule, read_document, rule_of
from docstore.storage import keys, rows
from docstore.storage.documents import documents, unique_rows
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.scans import scan_changes
from docstore.storage.documents.unique_rows import UniqueIndex, UniqueState
from docstore.storage.keys import pack_unique_key
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction


def check_unique(txn: ReadTransaction, db: int, state: DatabaseState) -> Iterator[str]:
    """Every invariant of the unique indexes of a database."""
    indexes = unique_rows.list_indexes(txn, db)
    obeyed = [index for index in indexes if index.state is not UniqueState.GOING]
    if len(obeyed) != state.unique:
        yield f"unique is {state.unique}, counted {len(obeyed)}"
        if not state.unique:
            return  # an older docstore has written, and so they are made anew at the next start
    counts = dict.fromkeys((index.number for index in obeyed), 0)
    rules = [(index, rule_of(index.definition)) for index in obeyed]
    if rules:
        for seq, row in scan_changes(txn, db):
            yield from _check_document(txn, db, rows.change_id(row), seq, rules, counts)
    for index in obeyed:
        yield from _check_index(txn, db, index, counts[index.number])
    yield from _check_owners(txn, db, {index.number for index in indexes})


def _check_document(
    txn: ReadTransaction,
    db: int,
    doc_id: str,
    seq: int,
    rules: list[tuple[UniqueIndex, Rule]],
    counts: dict[int, int],
) -> Iterator[str]:
    record = documents.get_record(txn, db, doc_id)
    if record is None or doc_id.startswith(DESIGN_PREFIX):
        return
    leaves = DocumentChange(db, doc_id, record).leaves_before()
    for body_seq, body in documents.get_bodies(txn, db, [seq for seq, leaf in leaves.items() if leaf.live]).items():
        document = read_document(doc_id, rows.body_text(body), frozenset().union(*(rule.names for _, rule in rules)))
        for index, rule in rules:
            key = rule.key(document)
            if key is None:
                continue
            stored = txn.get(txn.tables.unique_keys, pack_unique_key(db, index.number, key, body_seq))
            if stored == doc_id.encode():
                counts[index.number] += 1
            elif stored is not None or not _to_come(index, seq):
                yield f"document {doc_id!r}: its body {body_seq} has no key in the unique index {index.name}"


def _to_come(index: UniqueIndex, seq: int) -> bool:
    return index.state is UniqueState.BUILDING and index.position < seq <= index.until


def _check_index(txn: ReadTransaction, db: int, index: UniqueIndex, count: int) -> Iterator[str]:
    """The rows of an index: as many as the documents have, and the duplicates that they come to."""
    start = keys.pack_index_key(db, index.number)
    found = several = 0
    last = holder = other = b""
    with txn.cursor(txn.tables.unique_keys) as cursor:
        more = cursor.set_range(start) and cursor.key().startswith(start)
        while more:
            key, doc_id = cursor.item()
            group = key[: keys.UNIQUE_GROUP_BYTES]
            if group != last:
                last, holder, other = group, doc_id, b""
            elif not other and doc_id != holder:
                other = doc_id
                several += 1
                if txn.get(txn.tables.unique_duplicates, group) is None:
                    yield f"unique index {index.name}: {holder!r} and {doc_id!r} are no duplicates in its table"
            found += 1
            more = cursor.next() and cursor.key().startswith(start)
    if found != count:
        yield f"unique index {index.name}: has {found} keys, the documents have {count}"
    stored = _count(txn, start)
    if not several == stored == index.duplicates:
        yield f"unique index {index.name}: has {stored} duplicates, says {index.duplicates}, there are {several}"


def _count(txn: ReadTransaction, start: bytes) -> int:
    count = 0
    with txn.cursor(txn.tables.unique_duplicates) as cursor:
        if cursor.set_range(start):
            for key in cursor.iternext(values=False):
                if not key.startswith(start):
                    break
                count += 1
    return count


def _check_owners(txn: ReadTransaction, db: int, numbers: set[int]) -> Iterator[str]:
    """Every row belongs to an index that is there."""
    end = keys.prefix_end(db)
    for table_name, table in (
        ("unique_keys", txn.tables.unique_keys),
        ("unique_duplicates", txn.tables.unique_duplicates),
    ):
        with txn.cursor(table) as cursor:
            found = cursor.set_range(keys.prefix(db))
            while found and cursor.key() < end:
                number = keys.index_of(cursor.key())
                if number not in numbers:
                    yield f"table {table_name}: has rows of the unique index {number}, which is not there"
                found = cursor.set_range(keys.pack_index_key(db, number + 1))
