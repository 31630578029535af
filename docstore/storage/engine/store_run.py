"""The rows of ``meta`` that concern the store as a whole, and the run of a process that opened it to write.

Owns how a run begins and ends on the disk: its epoch is settled, then recorded in the data file and in the seal. Of
other tables it knows only that ``expiries`` is to be made anew where the run before did not keep it; nor does it know
who reads meanwhile.

A run is *settled* from what is on the disk, and writes nothing for that. Until it is *recorded* it must not commit
anything; but it may read, and it has its epoch already. So a store on a full disk can be opened: what cannot be
recorded now is recorded before the first commit. A process that ends before then leaves what the run before has left.
"""

import logging
from pathlib import Path
from typing import Final
from uuid import uuid4

import lmdb

from docstore.errors import StorageFull, StoreDamaged, StoreUnusable
from docstore.settings import Durability, StorageSettings
from docstore.storage import keys
from docstore.storage.attachments import expiries
from docstore.storage.engine.data_file import NO_LARGER_MAP, grantable
from docstore.storage.engine.disk_errors import lacks_room
from docstore.storage.engine.epoch import (
    RUN_NAME_BYTES,
    FileFacts,
    Seal,
    SealFile,
    Witness,
    new_epoch,
    new_run_name,
    reason_for_new_epoch,
)
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.tables import Tables

log = logging.getLogger(__name__)

META_LENGTHS: Final = {
    keys.META_FORMAT_VERSION: 4,
    keys.META_EPOCH: 8,
    keys.META_RUN: 2 * RUN_NAME_BYTES,
    keys.META_SERVER_UUID: 32,
}
"""The rows that every store has, and how long they are."""

TEXTS: Final = frozenset({keys.META_RUN, keys.META_SERVER_UUID})


def read_meta(environment: lmdb.Environment, data_file: Path) -> dict[bytes, bytes]:
    """The rows of ``meta``; none in a new file. Raises StoreUnusable if it is no store of ours, StoreDamaged."""
    with environment.begin() as transaction:
        if transaction.stat()["entries"] == 0:
            return {}
        try:
            table = environment.open_db(keys.META, txn=transaction, create=False)
        except lmdb.NotFoundError:
            raise StoreUnusable(f"{data_file} is not a store of docstore.") from None
        rows = dict(transaction.cursor(table))
    version = rows.get(keys.META_FORMAT_VERSION, b"")
    if len(version) == META_LENGTHS[keys.META_FORMAT_VERSION] and int.from_bytes(version) not in keys.READABLE_VERSIONS:
        found = int.from_bytes(version)
        readable = " and ".join(map(str, sorted(keys.READABLE_VERSIONS)))
        raise StoreUnusable(f"{data_file} has format version {found}; this docstore reads versions {readable}.")
    for name, length in META_LENGTHS.items():
        value = rows.get(name, b"")
        if len(value) != length or (name in TEXTS and not value.isalnum()):
            raise StoreDamaged(f"{data_file} is damaged: the row {name.decode()!r} of meta is {value!r}.")
    return rows


class StoreRun:
    """The run of one process. Made from the rows of ``meta``, before anything is written to the file.

    ``epoch``, ``server_uuid``  of the store, as this run tells them
    ``recorded``                whether the run may commit
    """

    def __init__(self, data_file: Path, settings: StorageSettings, meta: dict[bytes, bytes]) -> None:
        self.recorded = False
        self._data_file = data_file
        self._durability = settings.durability
        self._seal_file = SealFile(data_file)
        self._witness_file = Witness(data_file)
        self._witness: FileFacts | None = None
        self._name = new_run_name()
        self._before = meta[keys.META_RUN].decode() if meta else None
        facts, witness = FileFacts.of(data_file), self._witness_file.facts()
        self._reason = reason_for_new_epoch(self._seal_file.read(), self._before, facts, witness)
        self.epoch = new_epoch() if self._reason else int.from_bytes(meta[keys.META_EPOCH])
        self.server_uuid = meta[keys.META_SERVER_UUID].decode() if meta else uuid4().hex

    def begin(self, environment: lmdb.Environment) -> Tables:
        """``record``, in a map that grows; where a full disk refuses that, all tables to be read, and it is done later.

        Raises StorageFull if the map cannot grow, and as ``record``.
        """
        while True:
            try:
                return self.record(environment)
            except lmdb.MapFullError:
                size = environment.info()["map_size"]
                if (more := grantable(size)) == 0:
                    raise StorageFull(NO_LARGER_MAP) from None
                environment.set_mapsize(size + more)
            except (lmdb.Error, OSError) as error:
                if self._before is None or not lacks_room(error, self._data_file):
                    raise
                log.warning("the disk of %s is full: reads are served, writes wait for room", self._data_file.parent)
                # A handle outlives the transaction only if that commits; one that wrote nothing writes no page then.
                with environment.begin(write=True) as transaction:
                    return Tables.open(environment, create=False, transaction=transaction)

    def record(self, environment: lmdb.Environment) -> Tables:
        """Make the run the one that the store belongs to; all tables, which are made if they are missing.

        Follows the order that ``epoch.py`` needs at every crash, and may be called again after it has failed. Raises
        what LMDB raises, MapFullError too, and OSError.
        """
        facts = FileFacts.of(self._data_file)
        survives = self._durability is Durability.FSYNC
        # Under ``none`` too the seal of a store that has contents must be broken for good before anything is written: a
        # power cut might take this whole run, and leave the clean end of the one before, with sequences told twice.
        sync = self._durability is not Durability.NONE or self._before is not None
        if self._reason or self._before is None:
            if self._before is not None:
                log.warning("the store %s gets a new epoch: %s", self._data_file, self._reason)
            self._seal_file.remove(sync=sync)
        else:
            self._seal_file.write(Seal((self._before, self._name), (facts.file,), survives), sync=sync)
        # Touched only now that no seal names it as it was: a kill before the next seal costs no epoch.
        self._witness = self._touch_witness(sync=sync)
        tables = self._write_meta(environment)
        # Either seal is right for this run; only where there is none yet, a power cut must not cost another epoch.
        seal = Seal((self._name,), (facts.file,), survives, witness=self._witness)
        self._seal_file.write(seal, sync=sync and self._reason is not None)
        self.recorded = True
        return tables

    def seal(self) -> None:
        """Note that the store was closed cleanly, unless nothing was committed: then the last seal is still true."""
        if not self.recorded:
            return
        facts = FileFacts.of(self._data_file)
        survives = self._durability is Durability.FSYNC
        seal = Seal((self._name,), (facts.file,), survives, facts.changed_ns, self._witness)
        try:
            self._seal_file.write(seal, sync=not survives)
        except OSError as error:
            log.warning("the seal of %s could not be written: %s", self._data_file, error)

    def _touch_witness(self, *, sync: bool) -> FileFacts | None:
        """None if there can be no witness: nobody is refused for that."""
        try:
            return self._witness_file.touch(sync=sync)
        except OSError as error:
            log.warning("%s has no witness, so not every copy of it can be told: %s", self._data_file, error)
            return None

    def _write_meta(self, environment: lmdb.Environment) -> Tables:
        rows = {
            keys.META_FORMAT_VERSION: keys.FORMAT_VERSION.to_bytes(4),
            keys.META_EPOCH: self.epoch.to_bytes(8),
            keys.META_RUN: self._name.encode(),
            keys.META_SERVER_UUID: self.server_uuid.encode(),
            keys.META_EXPIRIES_RUN: self._name.encode(),
        }
        with environment.begin(write=True) as transaction:
            tables = Tables.open(environment, transaction=transaction)
            if transaction.get(keys.META_EXPIRIES_RUN, db=tables.meta) != transaction.get(
                keys.META_RUN, db=tables.meta
            ):
                transaction.drop(tables.expiries, delete=False)
                expiries.build(GroupTransaction(transaction, tables))
            for key, value in rows.items():
                transaction.put(key, value, db=tables.meta)
        if self._durability is Durability.RELAXED:
            environment.sync(True)
        return tables
