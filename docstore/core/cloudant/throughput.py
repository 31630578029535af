"""Cloudant's provisioned throughput: which class a request is in, what it costs, and the windows of a second.

Owns the classes and the arithmetic. It must not know how a request comes nor how a refusal is told. Follows what IBM
documents (2026): reads are documents looked up by id and all queries within a partition, writes are documents written,
global queries are requests to listings, views, ``_find`` and search; everything else is not limited. In which class an
endpoint is follows the replies of an account that IBM recorded for its SDKs.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

WINDOW: Final = 1.0
ROWS_A_READ: Final = 100
"""Rows of a query within a partition that cost one read."""


class RequestClass(StrEnum):
    """The classes, by the words of ``X-Cloudant-Request-Class`` and of the refusals."""

    READ = "lookup"
    WRITE = "write"
    QUERY = "query"
    UNLIMITED = "unlimited"


LISTINGS: Final = frozenset({"_all_docs", "_design_docs", "_local_docs", "_find", "_explain", "_view", "_list"})
SEARCHES: Final = frozenset({"_search", "_nouveau"})
INDEXES: Final = frozenset({"_index", "_search_analyze"})
LOOKUPS: Final = frozenset({"document", "_design", "_local", "attachment", "_security", "_show", "_tree", "_uuids"})
OPEN_LOOKUPS: Final = frozenset({"_bulk_get"})
BULK: Final = frozenset({"_bulk_docs"})
WRITES: Final = frozenset({"database", "_update", "_purge", "_resolve", "_uploads"})
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request takes of its class before it is answered."""

    request_class: RequestClass
    units: int = 1


UNLIMITED: Final = Cost(RequestClass.UNLIMITED, 0)


def cost_of(method: str, endpoint: str, *, partitioned: bool = False, documents: int = 1) -> Cost:
    """The class of a request and its cost, as far as it is known before the answer.

    ``endpoint`` is its kind (``httpd/endpoint_kinds.py``), ``partitioned`` whether it stays within a partition,
    ``documents`` how many its body names: rows of ``_bulk_docs`` and ``_bulk_get``, queries of ``.../queries``.
    """
    if partitioned:
        return Cost(RequestClass.READ)
    if endpoint in LISTINGS or endpoint in SEARCHES or endpoint in INDEXES:
        return Cost(RequestClass.QUERY, max(1, documents))
    if endpoint in OPEN_LOOKUPS:
        return Cost(RequestClass.READ, max(1, documents))
    if endpoint in BULK:
        return Cost(RequestClass.WRITE, max(1, documents))
    if endpoint in LOOKUPS:
        return Cost(RequestClass.READ if method in READING else RequestClass.WRITE)
    if endpoint in WRITES and method not in READING:
        return Cost(RequestClass.WRITE)
    return UNLIMITED


def partition_reads(rows: int, documents: int = 0) -> int:
    """The reads that a query within a partition has cost: one for each 100 rows, one for each document that it read."""
    return max(1, -(-rows // ROWS_A_READ) + documents)


class Windows:
    """What was taken of each class within the last second. ``clock`` gives seconds; set back, it begins anew."""

    def __init__(self, limits: dict[RequestClass, int], clock: Callable[[], float]) -> None:
        self.limits = limits
        self._clock = clock
        self._taken: dict[RequestClass, deque[tuple[float, int]]] = {each: deque() for each in RequestClass}
        self._sums = dict.fromkeys(RequestClass, 0)

    def take(self, cost: Cost) -> bool:
        """Whether there is room for the request; if so, it is taken.

        One that costs more than a whole second's limit is let in when nothing else is in the window, since it could
        never be otherwise.
        """
        limit = self.limits.get(cost.request_class)
        if limit is None:
            return True
        used = self.used(cost.request_class)
        if used and used + cost.units > limit:
            return False
        self._taken[cost.request_class].append((self._clock(), cost.units))
        self._sums[cost.request_class] += cost.units
        return True

    def used(self, request_class: RequestClass) -> int:
        """What was taken of a class within the last second."""
        taken = self._taken[request_class]
        now = self._clock()
        while taken and not now - WINDOW < taken[0][0] <= now:
            self._sums[request_class] -= taken.popleft()[1]
        return self._sums[request_class]


def refusal(request_class: RequestClass, rate: int) -> dict[str, str | int]:
    """The body of a 429, as Cloudant words it."""
    return {
        "error": "too_many_requests",
        "reason": f"You've exceeded your current limit of {rate} requests per second for {request_class} class."
        " Please try later.",
        "class": str(request_class),
        "rate": rate,
    }
