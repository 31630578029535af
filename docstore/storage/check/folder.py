"""The check of a data folder: the pages of its file, and if these are whole its rows.

Owns that order. Works beside a running server.
"""

from collections.abc import Generator
from pathlib import Path

from docstore.errors import StoreDamaged, StoreUnusable
from docstore.settings import StorageSettings
from docstore.storage.check.store import check
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.pages import file_findings


def folder_findings(folder: Path, settings: StorageSettings, *, hashing: bool = True) -> Generator[str, None, bool]:
    """Everything that is wrong with the store in a folder, a line each; without ``hashing`` as ``store.check``.

    Hands back whether its pages are whole. ``snapshot_max_age`` of the settings should be infinite. Raises
    StoreUnusable if it is not a store, or of another version.
    """
    if not (folder / DATA_FILE).exists():
        raise StoreUnusable(f"There is no store in {folder}.")
    damaged = False
    for finding in file_findings(folder / DATA_FILE, settings):
        damaged = True
        yield finding
    if damaged:
        return False
    try:
        with Environment.open(folder, settings, read_only=True) as environment, environment.snapshot() as snapshot:
            yield from check(snapshot, hashing=hashing)
    except StoreDamaged as error:
        yield error.reason
    return True
