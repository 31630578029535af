"""A copy of a store that a server has open: one file, as one commit has left it.

Owns the copying. LMDB writes the pages that one snapshot shows, without free ones, while the server goes on; until
that is done no page can be used again that was freed meanwhile, so the file of a busy server grows. The copy has no
seal, so whoever opens it to write gives it a new epoch (``epoch.py``): clients read changes again and skip none.
"""

import os
from pathlib import Path

import lmdb

from docstore.errors import StorageFailed, StorageFull, StoreUnusable
from docstore.settings import StorageSettings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.disk_errors import lacks_room
from docstore.storage.engine.environment import Environment


def copy_store(folder: Path, target: Path, settings: StorageSettings) -> int:
    """Copy the store in ``folder`` into the folder ``target``, which is there; the bytes of the copy, which is synced.

    Raises StoreUnusable (StoreDamaged among them), StorageFull, StorageFailed.
    """
    if not (folder / DATA_FILE).exists():
        raise StoreUnusable(f"There is no store in {folder}.")
    copy = target / DATA_FILE
    with Environment.open(folder, settings, read_only=True) as environment:
        try:
            with copy.open("wb") as file:
                environment.copy_compactly(file.fileno())
                os.fsync(file.fileno())
        except (lmdb.Error, OSError) as error:
            if lacks_room(error, copy):
                raise StorageFull(f"The disk has no room for {copy}.") from error
            raise StorageFailed(f"The store could not be copied: {error}") from error
    return copy.stat().st_size
