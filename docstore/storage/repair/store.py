"""The repair of a store: everything that follows from other rows is made anew, and nothing else is touched.

Owns the order, and what concerns the store as a whole. What a database *is* (records, bodies, runs of revisions,
purges, ``_local`` documents, properties) is read and never changed, so a repair cannot lose a revision; what cannot be
read there is left for ``check`` to tell. It must not know files: a file with damaged pages is not repaired.
"""

from collections.abc import Iterator

import lmdb

from docstore.storage import keys, rows
from docstore.storage.attachments import expiries
from docstore.storage.check.blobs import BlobUses
from docstore.storage.check.damage import UNREADABLE
from docstore.storage.check.expiries import check_expiries
from docstore.storage.databases import pending_sweeps
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.repair.blobs import repair_blobs
from docstore.storage.repair.database import DatabaseRepair
from docstore.storage.repair.tables import rows_between

LEFT = "counts of attachments' bytes are left as they are, since not every document can be read"


def repair(txn: GroupTransaction) -> Iterator[str]:
    """Repair in this transaction, which the caller commits; a line for each thing that was made anew or is left."""
    whole = True
    uses = BlobUses()
    for key, value in list(rows_between(txn, txn.tables.databases, b"", None)):
        try:
            number = rows.decode_database(value).number
        except UNREADABLE:
            whole = False
            yield f"{key.decode(errors='replace')}: its row in databases cannot be read, and is left"
            continue
        name = key.decode()
        known = keys.property_key(number, keys.PROPERTY_NAME)
        if txn.get(txn.tables.properties, known) != key:
            txn.put(txn.tables.properties, known, key)
            yield f"{name}: its property 'name' is made anew"
        database = DatabaseRepair(txn, number)
        for line in database.run():
            yield f"{name}: {line}"
        whole &= database.whole & _count_uses(txn, number, uses)
    for number in pending_sweeps(txn):
        whole &= _count_uses(txn, number, uses)
    yield from repair_blobs(txn, uses) if whole else (LEFT,)
    if any(True for _ in check_expiries(txn)):
        txn.transaction.drop(txn.tables.expiries, delete=False)
        expiries.build(txn)
        yield "expiries: made anew"


def repair_environment(environment: Environment) -> list[str]:
    """Repair in one transaction, and commit it; a line for each thing. The map grows until it has room for that."""
    while True:
        transaction = environment.begin_write()
        try:
            done = list(repair(transaction))
            transaction.transaction.commit()
        except lmdb.MapFullError:
            transaction.transaction.abort()
            environment.grow_map()
        except BaseException:
            transaction.transaction.abort()
            raise
        else:
            return done


def _count_uses(txn: GroupTransaction, number: int, uses: BlobUses) -> bool:
    """Tell ``uses`` the bodies of a database; whether all could be read."""
    try:
        for _, value in rows_between(txn, txn.tables.bodies, keys.prefix(number), keys.prefix_end(number)):
            for _ in uses.add(value):
                return False
    except UNREADABLE:
        return False
    return True
