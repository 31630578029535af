"""A sequence made as short as it can be while something still holds.

Owns the search: first steps are taken out, ever smaller groups of them (Zeller's ddmin), then parameters, headers and
members of bodies. It knows nothing of servers: whether something still holds is asked of a callable.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.differential.steps import Json, Related, Sequence, Step

Holds = Callable[[Sequence], Awaitable[bool]]
MOST_TRIES = 250


class _Tries:
    """Asks, a limited number of times; beyond it nothing holds any more."""

    def __init__(self, holds: Holds, most: int) -> None:
        self._holds = holds
        self._left = most

    async def __call__(self, sequence: Sequence) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        return await self._holds(sequence)


async def shrink(sequence: Sequence, holds: Holds, most: int = MOST_TRIES) -> Sequence:
    """The shortest sequence that was found, the given one if no shorter one holds."""
    tries = _Tries(holds, most)
    shorter = await _fewer_steps(sequence, tries)
    return await _simpler_steps(shorter, tries)


async def _fewer_steps(sequence: Sequence, holds: _Tries) -> Sequence:
    groups = 2
    while len(sequence) > 1:
        size = -(-len(sequence) // groups)
        for start in range(0, len(sequence), size):
            rest = sequence[:start] + sequence[start + size :]
            if rest and await holds(rest):
                sequence, groups = rest, max(groups - 1, 2)
                break
        else:
            if size == 1:
                break
            groups = min(groups * 2, len(sequence))
    return sequence


async def _simpler_steps(sequence: Sequence, holds: _Tries) -> Sequence:
    number = len(sequence) - 1
    while number >= 0:
        for step in simpler(sequence[number]):
            changed = (*sequence[:number], step, *sequence[number + 1 :])
            if await holds(changed):
                sequence = changed
                break
        else:
            number -= 1
    return sequence


def simpler(step: Step) -> Iterator[Step]:
    """The step with one thing less, each in turn."""
    for number in range(len(step.query)):
        yield replace(step, query=step.query[:number] + step.query[number + 1 :])
    for number in range(len(step.headers)):
        yield replace(step, headers=step.headers[:number] + step.headers[number + 1 :])
    if step.coding:
        yield replace(step, coding="")
    match step.body:
        case Json(value):
            yield from (replace(step, body=Json(less)) for less in simpler_values(value))
        case Related(value, parts):
            for number in range(len(parts)):
                yield replace(step, body=Related(value, parts[:number] + parts[number + 1 :]))
            yield from (replace(step, body=Related(less, parts)) for less in simpler_values(value))


def simpler_values(value: Any) -> Iterator[Any]:
    """A JSON value with one member or item less, at any depth."""
    if isinstance(value, dict):
        for name in value:
            yield {other: kept for other, kept in value.items() if other != name}
        for name, member in value.items():
            yield from ({**value, name: less} for less in simpler_values(member))
    elif isinstance(value, list):
        for number in range(len(value)):
            yield value[:number] + value[number + 1 :]
        for number, item in enumerate(value):
            yield from ([*value[:number], less, *value[number + 1 :]] for less in simpler_values(item))
