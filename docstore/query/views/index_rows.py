"""One batch of documents into an index.

Owns what a transaction does to the tables: the rows that the documents had go, those that they have now come, blocks
are marked, and the index's own sequence moves, all at once. It must not know map functions: what it is given was mapped
by a worker (``mapping.py``).
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from docstore.database.reading.index_feed import FeedEnd
from docstore.query.following import Overtaken
from docstore.query.views import layout
from docstore.query.views.blocks import begin_blocks, change_blocks
from docstore.query.views.index_file import WriteIndex
from docstore.query.views.layout import IndexState
from docstore.query.views.mapped import Mapped


class _Change(NamedTuple):
    """Of one slot, by places as keys have them."""

    added: list[bytes]
    removed: list[bytes]


def write_batch(txn: WriteIndex, state: IndexState, mapped: Mapped, end: FeedEnd, *, fresh: bool) -> IndexState:
    """Let the index show the documents of a batch as they are now, and go to ``end``; its new state.

    ``fresh``: none of the documents can have rows yet, and no block was computed since the index was made.
    Raises Overtaken where the index is not in ``state``.
    """
    check_state(txn, state)
    state = layout.decode_state(layout.encode_state(state))
    number = layout.number_prefix(state.number)
    changes = [_Change([], []) for _ in state.counts]
    if not fresh:
        mapped = _remove_old(txn, state, mapped, changes)
    txn.putmulti(txn.tables.rows, list(zip([number + key for key in mapped["keys"]], mapped["values"], strict=True)))
    _account_all(state, mapped, changes)
    for place, value in mapped["long"]:
        _put_long(txn, state, place, value, changes)
    _write_owners(txn, state, mapped)
    for slot, change in enumerate(changes):
        prefix = layout.slot_prefix(state.number, slot)
        if fresh:
            begin_blocks(txn, prefix, change.added)
        elif change.added or change.removed:
            change_blocks(txn, prefix, change.added, change.removed)
    state.seq, state.purge_seq = end
    write_state(txn, state)
    return state


def check_state(txn: WriteIndex, state: IndexState) -> None:
    """Raises Overtaken where an index is not in this state: what was made for it would be wrong."""
    if txn.get(txn.tables.indexes, layout.index_key(state.database, state.signature)) != layout.encode_state(state):
        raise Overtaken


def write_state(txn: WriteIndex, state: IndexState) -> None:
    """Keep the row of an index."""
    txn.put(txn.tables.indexes, layout.index_key(state.database, state.signature), layout.encode_state(state))


def _account_all(state: IndexState, mapped: Mapped, changes: Sequence[_Change]) -> None:
    """``_account`` for the new rows, which are sorted, and most of which are single ones."""
    cut = layout.SLOT_BYTES
    keys, values = mapped["keys"], mapped["values"]
    first = 0
    for slot, change in enumerate(changes):
        last = bisect_left(keys, layout.slot_bytes(slot + 1), first)
        change.added.extend([key[cut:] for key in keys[first:last]])
        state.counts[slot] += layout.count_all(values[first:last])
        first = last
    texts = sum(map(len, values))
    state.text_bytes += texts
    state.rows_bytes += texts + sum(map(len, keys))


def _account(state: IndexState, slot: int, key: bytes, value: bytes, sign: int) -> None:
    state.counts[slot] += sign * (1 if value[0] == 0 else layout.row_count(value))
    state.rows_bytes += sign * (len(key) + len(value))
    state.text_bytes += sign * layout.text_size(value)


def _write_owners(txn: WriteIndex, state: IndexState, mapped: Mapped) -> None:
    number = state.number
    owners = sorted(
        (layout.owner_key(number, doc_id), places)
        for doc_id, places in zip(mapped["ids"], mapped["places"], strict=True)
        if places
    )
    txn.putmulti(txn.tables.owners, owners)


def _remove_old(txn: WriteIndex, state: IndexState, mapped: Mapped, changes: Sequence[_Change]) -> Mapped:
    """Remove what the documents emitted before; what they emit again unchanged is left alone and left out."""
    keys = sorted(layout.owner_key(state.number, doc_id) for doc_id in mapped["ids"])
    found = txn.getmulti(txn.tables.owners, keys)
    if not found:
        return mapped
    old = {place for _, places in found for place in layout.unpack_places(places)}
    new = dict(zip(mapped["keys"], mapped["values"], strict=True))
    new_long = dict(mapped["long"])
    number = layout.number_prefix(state.number)
    short = sorted(number + place for place in old if not _is_long(place))
    cut = len(number)
    for key, value in txn.getmulti(txn.tables.rows, short):
        place = key[cut:]
        if new.get(place) == value:
            del new[place]
            continue
        slot = layout.slot_of(place)
        _account(state, slot, place, value, -1)
        if place not in new:
            txn.delete(txn.tables.rows, key)
            changes[slot].removed.append(place[layout.SLOT_BYTES :])
    for place in filter(_is_long, old):
        _remove_long(txn, state, place, new_long, changes)
    has_rows = {layout.owner_key(state.number, doc_id) for doc_id, one in _places(mapped) if one}
    txn.deletemulti(txn.tables.owners, [key for key, _ in found if key not in has_rows])
    return {**mapped, "keys": list(new), "values": list(new.values()), "long": list(new_long.items())}


def _places(mapped: Mapped) -> list[tuple[str, bytes]]:
    return list(zip(mapped["ids"], mapped["places"], strict=True))


# --- Long places ------------------------------------------------------------------------------------------------------


def _is_long(slotted: bytes) -> bool:
    return layout.is_long(slotted[layout.SLOT_BYTES :])


def _group(state: IndexState, slotted: bytes) -> bytes:
    return layout.number_prefix(state.number) + slotted[: layout.SLOT_BYTES + layout.LONG_FROM]


def _remove_long(
    txn: WriteIndex, state: IndexState, slotted: bytes, new_long: dict[bytes, bytes], changes: Sequence[_Change]
) -> None:
    row = txn.find_in_group(_group(state, slotted), slotted[layout.SLOT_BYTES :])
    if row is None:
        return
    key, value = row
    if new_long.get(slotted) == value:
        del new_long[slotted]
        return
    slot = layout.slot_of(slotted)
    place = key[len(layout.slot_prefix(state.number, slot)) :]
    _account(state, slot, slotted, value, -1)
    txn.delete(txn.tables.rows, key)
    changes[slot].removed.append(place)


def _put_long(txn: WriteIndex, state: IndexState, slotted: bytes, value: bytes, changes: Sequence[_Change]) -> None:
    slot = layout.slot_of(slotted)
    key, moved = txn.place_in_group(_group(state, slotted), slotted[layout.SLOT_BYTES :])
    cut = len(layout.slot_prefix(state.number, slot))
    if moved:
        gone = {old[cut:] for old in moved}
        changes[slot].added[:] = [place for place in changes[slot].added if place not in gone]
        changes[slot].removed.extend(gone)
        changes[slot].added.extend(new[cut:] for new in moved.values())
    txn.put(txn.tables.rows, key, value)
    changes[slot].added.append(key[cut:])
    _account(state, slot, slotted, value, 1)
