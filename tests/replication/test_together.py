"""Several things at the same time."""

import asyncio

import pytest

from docstore.replication.together import together


async def test_results_stand_in_order_and_no_more_are_under_way_than_allowed() -> None:
    under_way: list[int] = []
    most = 0

    async def work(item: int) -> int:
        nonlocal most
        under_way.append(item)
        most = max(most, len(under_way))
        for _ in range(item % 3):
            await asyncio.sleep(0)
        under_way.remove(item)
        return item * 2

    assert await together(4, work, range(20)) == [item * 2 for item in range(20)]
    assert most == 4


async def test_nothing() -> None:
    async def work(item: int) -> int:
        raise AssertionError

    assert await together(3, work, []) == []


async def test_an_error_ends_the_others() -> None:
    ended: list[int] = []

    async def work(item: int) -> None:
        if item == 1:
            raise ValueError
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(item)

    with pytest.raises(ValueError, match=r"^$"):
        await together(3, work, range(9))
    assert ended == [0, 2]
