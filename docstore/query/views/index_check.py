"""The check of the file of indexes, for ``docstore check``.

Owns what must hold in it: its pages are whole, every row belongs to an index that there is or that is going, each slot
has as many rows as its index says, and as many places as its documents own. It reads beside a running server. Whatever
is found is worth no more than a hint: the file may be deleted, and is built again.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import lmdb
import msgspec

from docstore.errors import StoreUnusable
from docstore.query.views import layout
from docstore.query.views.index_file import INDEX_FILE
from docstore.query.views.layout import IndexState
from docstore.settings import StorageSettings
from docstore.storage.engine.data_file import open_data_file
from docstore.storage.engine.pages import file_findings

NUMBER_BYTES: Final = len(layout.number_prefix(0))
HINT: Final = f"{INDEX_FILE} can be deleted while no server runs; indexes are built again"


def index_findings(folder: Path, settings: StorageSettings) -> Iterator[str]:
    """What is wrong with the indexes of a data folder; nothing where there are none."""
    path = folder / INDEX_FILE
    if not path.exists():
        return
    found = False
    for finding in _findings(path, settings):
        found = True
        yield f"indexes: {finding}"
    if found:
        yield f"indexes: {HINT}"


def _findings(path: Path, settings: StorageSettings) -> Iterator[str]:
    damaged = False
    try:
        for finding in file_findings(path, settings):
            damaged = True
            yield finding
        if damaged:
            return
        with open_data_file(path, settings, read_only=True) as environment:
            yield from _row_findings(environment)
    except (StoreUnusable, lmdb.Error) as error:
        yield f"cannot be read: {error}"


def _row_findings(environment: lmdb.Environment) -> Iterator[str]:
    try:
        tables = {name: environment.open_db(name, create=False) for name in layout.TABLE_NAMES}
    except lmdb.NotFoundError:
        return  # nothing was ever written to it
    with environment.begin() as txn:
        if txn.get(layout.META_FORMAT, None, tables[layout.META]) != b"%d" % layout.FORMAT_VERSION:
            return  # it is made anew when it is opened
        states: dict[int, IndexState] = {}
        for key, value in txn.cursor(tables[layout.INDEXES]):
            try:
                state = layout.decode_state(value)
            except msgspec.MsgspecError as error:
                yield f"the state of an index cannot be read ({key.hex()}: {error})"
                return
            states[state.number] = state
        going = {layout.number_of(key) for key, _ in txn.cursor(tables[layout.GONE])}
        rows: Counter[tuple[int, int]] = Counter()
        balance: Counter[int] = Counter()
        for key, value in txn.cursor(tables[layout.ROWS]):
            number = layout.number_of(key)
            try:
                rows[number, layout.slot_of(key[NUMBER_BYTES:])] += layout.row_count(value)
            except (struct.error, IndexError):
                yield f"a row of index {number} cannot be read"
            balance[number] += 1
        for key, value in txn.cursor(tables[layout.OWNERS]):
            balance[layout.number_of(key)] -= len(layout.unpack_places(value))
    yield from _verdicts(states, going, rows, balance)


def _verdicts(
    states: dict[int, IndexState], going: set[int], rows: Counter[tuple[int, int]], balance: Counter[int]
) -> Iterator[str]:
    for number in sorted(balance.keys() - states.keys() - going):
        yield f"there are rows of index {number}, which there is not"
    for number, state in sorted(states.items()):
        for slot, count in enumerate(state.counts):
            if rows[number, slot] != count:
                yield f"index {number}, slot {slot}: {rows[number, slot]} rows, where {count} are counted"
        if balance[number]:
            yield f"index {number}: {abs(balance[number])} places are owned by no document, or without a row"
