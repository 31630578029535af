"""No request keeps the others waiting: the catalogue covers the route table, and each of its entries is harmless.

How long is measured as the loop's own lag (``meter.py``), so that a busy machine does not fail the test, nor does a
slow one. The test that measures is marked ``long``; in the ordinary run the same requests are made small, to see that
they are answered.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from docstore.httpd.app import ROUTER
from docstore.httpd.cloudant.routes import FIRST_GENERATION, SECOND_GENERATION
from docstore.httpd.routing import Handler, Route
from tests.lag.catalogue import CATALOGUE, EXEMPT, OF_CLOUDANT, SMALL, Nasty, Scale
from tests.lag.measuring import Measured, Stage, named, stage

LIMIT_MS = 50

SIDE_BY_SIDE = [
    named("_revs_diff, one id", "open_revs=all", "conflicts=true", "PUT of a large document"),
    named("_changes, conflicts", "_all_docs, conflicts", "_bulk_get, all leaves", "250 KiB of floats"),
    named("$in of numbers", "$elemMatch by the thousand", "$all", "_tree"),
    named("_bulk_docs, replicated", "PUT, gzipped", "4 MB against 4 MB, explained", "_revs_diff, all leaves"),
]


def handler_of(entry: Nasty) -> str:
    return name_of(ROUTER.find(entry.segments).handler(entry.method))


def name_of(handler: Handler) -> str:
    return f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"


def handlers(*routes: Route) -> set[str]:
    return {name_of(handler) for route in routes for handler in route.handlers.values()}


def test_every_endpoint_is_in_the_catalogue_or_says_why_not() -> None:
    """A new endpoint fails here: give it an entry in the catalogue, or a reason in ``EXEMPT``."""
    known = handlers(*ROUTER.routes)
    covered = {handler_of(entry) for entry in CATALOGUE}
    assert known - covered - EXEMPT.keys() == set(), "missing from the catalogue"
    assert EXEMPT.keys() - known == set(), "exempt, but no longer an endpoint"
    assert EXEMPT.keys() & covered == set(), "exempt, and in the catalogue nevertheless"
    assert all(EXEMPT.values())


def test_every_endpoint_of_cloudant_says_why_it_is_harmless() -> None:
    assert (
        handlers(*FIRST_GENERATION.routes, *SECOND_GENERATION.routes) - handlers(*ROUTER.routes) == OF_CLOUDANT.keys()
    )
    assert all(OF_CLOUDANT.values())


def test_names_are_told_apart() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(names) == len(set(names))
    assert all(len(group) == 4 for group in SIDE_BY_SIDE)


async def test_small_ones_are_answered(tmp_path: Path) -> None:
    async with stage(tmp_path / "data", SMALL) as ready:
        found = [await ready.measure(entry) for entry in CATALOGUE]
        found += [await ready.together(group) for group in SIDE_BY_SIDE]
    assert [one.name for one in found if one.status >= 500 and one.status != 501] == []
    assert all(one.lag.beats for one in found)


@pytest.mark.long
async def test_the_loop_is_never_held(tmp_path: Path) -> None:
    async with stage(tmp_path / "data", Scale()) as ready:
        found = [await looked_at_again(ready, entry) for entry in CATALOGUE]
        found += [await at_best(ready, group) for group in SIDE_BY_SIDE]
    assert [told(one) for one in found if one.stall > LIMIT_MS] == []


async def looked_at_again(ready: Stage, entry: Nasty) -> Measured:
    """An entry; if the loop was late but not held by its own work, the least of three: what others do passes."""
    best = await ready.measure(entry)
    for _ in range(2):
        if best.stall > LIMIT_MS >= best.lag.held:
            best = min(best, await ready.measure(entry), key=lambda one: one.stall)
    return best


async def at_best(ready: Stage, group: Sequence[Nasty]) -> Measured:
    """The least of three: four threads at a time, beside another test, are slower than any clock here can tell."""
    best = await ready.together(group)
    for _ in range(2):
        if best.stall > LIMIT_MS:
            best = min(best, await ready.together(group), key=lambda one: one.stall)
    return best


def told(one: Measured) -> str:
    lag = one.lag
    whose = f"of it {lag.held:.0f} ms the loop's own thread, {lag.collector:.0f} ms the collector's longest pause"
    return f"{one.name}: {one.status}, {lag.stall:.0f} ms, {whose}, on a machine {one.slow:.1f} times too slow"
