"""Reductions of runs of rows and of blocks, whichever function makes them.

Owns how rows and reductions become one reduction: at once by the built-in functions, by a worker for those in
JavaScript. It must not know where rows and blocks are kept.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple, Protocol, cast

from docstore.query.function_log import function_log
from docstore.query.views.plan import Plan, Reducer
from docstore.query.views.reducers import ReducedRow

WORKER_REDUCES = "docstore.query.views.mapping:reduce_javascript"
JOBS_AT_ONCE = 200
"""Reductions in one crossing to a worker."""


class Workers(Protocol):
    """What a pool of workers offers: ``docstore.workers.pool.Pool``."""

    def run(
        self,
        function: str,
        *arguments: Any,
        timeout: float | None = None,
        urgent: bool = True,
        affinity: str | None = None,
    ) -> Awaitable[Any]:
        """Call a function by its name, with plain data."""


class Material(NamedTuple):
    """What one reduction is made of, in the order of rows: runs of rows, and reductions of blocks."""

    parts: list[list[ReducedRow] | bytes]

    @property
    def empty(self) -> bool:
        """Whether there is no row in it."""
        return not self.parts


def reduce_here(reducer: Reducer, material: Material) -> bytes:
    """The reduction of some material by a built-in function."""
    function = reducer.built_in
    if function is None:
        raise TypeError("a JavaScript function reduces in a worker")
    reductions = [part if isinstance(part, bytes) else function.reduce(part) for part in material.parts]
    return reductions[0] if len(reductions) == 1 else function.rereduce(reductions)


async def reduce_all(
    pool: Workers, plan: Plan, reducer: Reducer, materials: Sequence[Material], *, urgent: bool
) -> list[bytes]:
    """The reduction of each of them, none of which may be empty."""
    if reducer.built_in is not None:
        return [reduce_here(reducer, material) for material in materials]
    found: list[bytes] = []
    for start in range(0, len(materials), JOBS_AT_ONCE):
        jobs = [_job(material) for material in materials[start : start + JOBS_AT_ONCE]]
        answer = await pool.run(
            WORKER_REDUCES,
            plan.signature,
            plan.definition,
            plan.crossing_limits,
            reducer.number,
            jobs,
            urgent=urgent,
            affinity=plan.signature,
        )
        reductions, lines = cast("tuple[list[bytes], list[str]]", answer)
        tell_log(plan, lines)
        found += reductions
    return found


def tell_log(plan: Plan, lines: Sequence[str]) -> None:
    """What functions logged goes to the server's log, under the name of their design document."""
    function_log.tell(plan.design_id, lines, plan.limits)


def finish(reducer: Reducer, reduction: bytes) -> bytes:
    """What a reader is shown of a reduction. Raises InvalidValue."""
    return reduction if reducer.built_in is None else reducer.built_in.finish(reduction)


def _job(material: Material) -> list[list[bytes]]:
    rows = [row for part in material.parts if not isinstance(part, bytes) for row in part]
    reductions = [part for part in material.parts if isinstance(part, bytes)]
    return [[b"[%b,%b]" % (row.key, row.doc_id) for row in rows], [row.value for row in rows], reductions]
