"""Sequences made shorter, without a server."""

from tests.differential.generator import draw_sequence
from tests.differential.shrinker import shrink
from tests.differential.steps import Json, Step

FIRST = Step("x", "PUT", "/a", (("p", "1"), ("q", "2")), (("H", "v"),), Json({"a": {"b": [1, 2, 3], "c": 2}, "d": 4}))
LAST = Step("x", "GET", "/b")


async def test_what_is_not_needed_goes():
    sequence = (*draw_sequence(1, 1), FIRST, *draw_sequence(1, 2), LAST, *draw_sequence(1, 3))

    async def holds(tried):
        steps = [
            step for step in tried if step.path == "/a" and ("q", "2") in step.query and 2 in step.body.value["a"]["b"]
        ]
        return bool(steps) and LAST in tried[tried.index(steps[0]) :]

    async def safely(tried):
        try:
            return await holds(tried)
        except (KeyError, AttributeError):
            return False

    shortest = await shrink(sequence, safely, most=1000)
    assert shortest == (Step("x", "PUT", "/a", (("q", "2"),), (), Json({"a": {"b": [2]}})), LAST)


async def test_what_does_not_hold_stays_as_it_is():
    sequence = draw_sequence(1, 1)

    async def never(tried):
        return False

    assert await shrink(sequence, never) == sequence


async def test_tries_are_counted():
    tried = []

    async def holds(sequence):
        tried.append(sequence)
        return True

    await shrink(draw_sequence(1, 1), holds, most=3)
    assert len(tried) == 3
