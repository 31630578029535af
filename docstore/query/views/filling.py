"""Computing the blocks of an index that a change has made dirty.

Owns the order: the smallest blocks from their rows, then each level from the one below. It must not know what makes
blocks dirty. It works beside readers, who until then go through dirty blocks by what is below them; a kill leaves what
is left dirty.
"""

import asyncio
from functools import partial
from typing import NamedTuple

from docstore.errors import DocstoreError, Unavailable
from docstore.query.function_log import function_log
from docstore.query.views import layout
from docstore.query.views.blocks import LEVELS, DirtyBlock, dirty_blocks, scan_rows, store_blocks
from docstore.query.views.index_file import IndexFile, ReadIndex, WriteIndex
from docstore.query.views.index_rows import check_state
from docstore.query.views.layout import IndexState
from docstore.query.views.plan import Plan, Reducer, Slot
from docstore.query.views.reducing import Material, Workers, reduce_all, reduce_here

BLOCKS_AT_ONCE = 100


class _Gathered(NamedTuple):
    """A dirty block: how many rows it has, and for each reducer what its reduction is made of, or the reduction."""

    key: bytes
    rows: int
    materials: list[Material | bytes]


async def fill_blocks(file: IndexFile, pool: Workers, plan: Plan, state: IndexState) -> None:
    """Compute every dirty block of an index. Raises Overtaken if somebody else writes to the index meanwhile.

    Blocks that a function in JavaScript fails to reduce stay dirty: whoever asks for that reduction is told why.
    """
    for place, slot in enumerate(plan.slots):
        try:
            await _fill_slot(file, pool, plan, slot, state, layout.slot_prefix(state.number, place))
        except Unavailable:
            raise
        except DocstoreError as error:
            function_log.tell_failure(f"{plan.design_id}, reduce", error, plan.limits)


async def _fill_slot(file: IndexFile, pool: Workers, plan: Plan, slot: Slot, state: IndexState, prefix: bytes) -> None:
    for level in range(1, LEVELS + 1):
        while gathered := await asyncio.to_thread(_gather, file, slot, prefix, level):
            computed = await _compute(pool, plan, slot, gathered)
            await file.write(partial(_store, state=state, computed=computed))


def _store(txn: WriteIndex, state: IndexState, computed: list[tuple[bytes, bytes]]) -> None:
    check_state(txn, state)
    store_blocks(txn, computed)


def _gather(file: IndexFile, slot: Slot, prefix: bytes, level: int) -> list[_Gathered]:
    with file.read() as txn:
        found = dirty_blocks(txn, prefix, level, BLOCKS_AT_ONCE)
        gather = _of_rows if level == 1 else _of_blocks
        return [gather(txn, slot, prefix, block) for block in found]


def _of_rows(txn: ReadIndex, slot: Slot, prefix: bytes, block: DirtyBlock) -> _Gathered:
    values = [value for _, value in scan_rows(txn, prefix, block.begin, block.end)]
    count = layout.count_all(values)
    if not count:
        return _Gathered(block.key, 0, [b""] * len(slot.reducers))
    materials: list[Material | bytes] = []
    rows = None
    for reducer in slot.reducers:
        reduction = _of_values(reducer, values, count)
        if reduction is not None:
            materials.append(reduction)
            continue
        if rows is None:
            rows = [row for value in values for row in layout.reduced_rows(value)]
        material = Material([rows])
        materials.append(material if reducer.built_in is None else reduce_here(reducer, material))
    return _Gathered(block.key, count, materials)


def _of_values(reducer: Reducer, values: list[bytes], count: int) -> bytes | None:
    """The reduction of rows, if their number or what was emitted as their values is enough for it."""
    function = reducer.built_in
    if function is None:
        return None
    return b"%d" % count if function.counts else function.of_values(layout.value_texts(values))


def _of_blocks(txn: ReadIndex, slot: Slot, prefix: bytes, block: DirtyBlock) -> _Gathered:
    below = layout.block_prefix(prefix, block.level - 1)
    values: list[bytes] = []
    with txn.cursor(txn.tables.blocks) as cursor:
        if cursor.set_range(below + block.begin):
            for key, value in cursor.iternext():
                if key >= below + block.end:
                    break
                if layout.block_count(value):
                    values.append(value)
    count = sum(map(layout.block_count, values))
    if not count:
        return _Gathered(block.key, 0, [b""] * len(slot.reducers))
    reductions = [layout.block_reductions(value) for value in values]
    materials: list[Material | bytes] = []
    for place, reducer in enumerate(slot.reducers):
        material = Material([of_block[place] for of_block in reductions])
        materials.append(material if reducer.built_in is None else reduce_here(reducer, material))
    return _Gathered(block.key, count, materials)


async def _compute(pool: Workers, plan: Plan, slot: Slot, gathered: list[_Gathered]) -> list[tuple[bytes, bytes]]:
    """The values of the blocks, JavaScript functions asked for what is theirs."""
    for place, reducer in enumerate(slot.reducers):
        if reducer.built_in is not None:
            continue
        waiting = [one for one in gathered if isinstance(one.materials[place], Material)]
        materials = [one.materials[place] for one in waiting]
        wanted = [material for material in materials if isinstance(material, Material)]
        for one, reduction in zip(waiting, await reduce_all(pool, plan, reducer, wanted, urgent=False), strict=True):
            one.materials[place] = reduction
    return [
        (one.key, layout.pack_block(one.rows, [each for each in one.materials if isinstance(each, bytes)]))
        for one in gathered
    ]
