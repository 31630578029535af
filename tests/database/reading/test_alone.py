"""Filters that take long compute one after the other, beside an event loop that goes on."""

import asyncio

from docstore.database.reading.changes import ChangesQuery, read_changes
from tests.database.helpers import document


async def test_no_two_filters_compute_beside_each_other(db):
    await db.update_docs([document(f"d{n}", n=n) for n in range(4)])
    at_work = []
    most = []

    def slow(members, steps):
        if steps.left < 1_000_000:
            steps.take(steps.left + 1)  # too much for the event loop
        at_work.append(members)
        most.append(len(at_work))
        sum(range(200_000))  # gives the interpreter away in between
        at_work.pop()
        return True

    async def follow():
        query = ChangesQuery(filter=slow, max_filter_steps=1_000_000)
        return [row async for part in read_changes(db, query) for row in part.rows]

    found = await asyncio.gather(*(follow() for _ in range(4)))
    assert [len(rows) for rows in found] == [4] * 4
    assert max(most) == 1
