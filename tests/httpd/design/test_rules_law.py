"""A rule is never got round: by whichever way a document is written, beside whatever else, while rules come and go."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import aiohttp
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.core.edit import Edit
from docstore.database.write_gate import Verdict
from docstore.httpd.writing import batch
from docstore.query.design.gate import DesignGate
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.httpd.design.ways import (
    MARKS,
    WAYS,
    Place,
    Way,
    got_round,
    put_behind_the_answer,
    put_over_generations,
    rule,
    written,
)
from tests.storage_findings import storage_findings


class Stage:
    """One server for all tests and examples, each in databases of its own."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.stack = AsyncExitStack()
        self.numbers = count()
        self.server = self.runner.run(self.stack.enter_async_context(run_node()))
        self.client = self.runner.run(self._connect())

    async def _connect(self) -> aiohttp.ClientSession:
        return await self.stack.enter_async_context(aiohttp.ClientSession(self.server.url))

    def close(self) -> None:
        findings = storage_findings(self.server.node)
        self.runner.run(self.stack.aclose())
        self.runner.close()
        assert findings == []

    def play(self, act: Callable[[Place], Awaitable[None]]) -> None:
        """Do something in new databases, which are deleted if all went well."""
        self.runner.run(self._play(act))

    async def _play(self, act: Callable[[Place], Awaitable[None]]) -> None:
        place = await Place(Database(self.client, f"db{next(self.numbers)}"), self.server).begin()
        await act(place)
        for db in (place.db, place.source):
            await db.ask("DELETE", "")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def name_of(way: Way) -> str:
    return way.__name__


async def settle() -> None:
    """Until what is written behind its answer is written."""
    await batch.written()


def edits_of(place: Place) -> list[Any]:
    """All that was written but design documents."""
    return [one for one in written(place) if not one.doc_id.startswith("_design/")]


@pytest.mark.parametrize("way", WAYS, ids=name_of)
def test_every_way_writes_what_no_rule_is_against(stage: Stage, way: Way) -> None:
    stage.play(partial(write_what_no_rule_is_against, way=way))


async def write_what_no_rule_is_against(place: Place, way: Way) -> None:
    if way is not put_over_generations:  # where there are rules it is a conflict, as in CouchDB
        await place.db.write("_design/rule", rule({2, 3}))
    before = len(edits_of(place))
    answer = await way(place, "a", 1)
    assert answer is not None
    assert answer.status < 300, answer
    await settle()
    assert len(edits_of(place)) > before
    assert got_round(written(place)) == []


@pytest.mark.parametrize("way", WAYS, ids=name_of)
def test_no_way_goes_round(stage: Stage, way: Way) -> None:
    stage.play(partial(write_what_a_rule_is_against, way=way))


async def write_what_a_rule_is_against(place: Place, way: Way) -> None:
    await place.db.write("_design/rule", rule({0, 1}))
    before = edits_of(place)
    answer = await way(place, "a", 1)
    assert answer is not None
    assert answer.status < 500
    assert b'"forbidden"' in answer.body or _told_otherwise(way, answer), answer
    await settle()
    assert edits_of(place) == before


def _told_otherwise(way: Way, answer: Any) -> bool:
    """A replication counts what is refused, and of what is written behind its answer nobody is told."""
    if way.__name__.startswith("replicate"):
        return bool(answer.json["history"][0]["doc_write_failures"])
    return way is put_behind_the_answer or (way is put_over_generations and answer.status == 409)


@pytest.mark.parametrize("way", WAYS, ids=name_of)
def test_a_rule_that_comes_between_verdict_and_commit(stage: Stage, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.play(partial(let_a_rule_come_between, way=way, monkeypatch=monkeypatch))


async def let_a_rule_come_between(place: Place, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = DesignGate.__call__
    came: list[str] = []

    async def judge_and_let_a_rule_come(
        self: DesignGate, edits: Sequence[Edit], actor: Any, *, new_edits: bool
    ) -> Verdict:
        verdict = await judge(self, edits, actor, new_edits=new_edits)
        if not came and self._name == place.db.name:
            came.append("came")
            await place.db.write("_design/rule", rule({0, 1}))
        return verdict

    monkeypatch.setattr(DesignGate, "__call__", judge_and_let_a_rule_come)
    monkeypatch.setattr(DesignGate, "open_to", lambda *_: None)  # which goes by what was known before
    before = edits_of(place)
    await way(place, "a", 1)
    await settle()
    assert came
    assert edits_of(place) == before


# --- The law


class Write(NamedTuple):
    """One document, one way."""

    way: Way
    doc_id: str
    mark: int


class Ruling(NamedTuple):
    """A design document that forbids marks, or None to delete it."""

    doc_id: str
    marks: frozenset[int] | None


STEPS = st.one_of(
    st.builds(Write, st.sampled_from(WAYS), st.sampled_from("ab"), st.integers(0, MARKS - 1)),
    st.builds(Write, st.sampled_from(WAYS), st.sampled_from("ab"), st.integers(0, MARKS - 1)),
    st.builds(
        Ruling,
        st.sampled_from(["_design/p", "_design/q"]),
        st.none() | st.frozensets(st.integers(0, MARKS - 1), max_size=2),
    ),
)
TOGETHER = st.lists(STEPS, min_size=1, max_size=5)
"""What is done at the same time."""


async def do(place: Place, step: Write | Ruling) -> None:
    if isinstance(step, Write):
        answer = await step.way(place, step.doc_id, step.mark)
        assert answer is None or answer.status < 500, answer
        return
    on = await place.query_on(step.doc_id)
    if step.marks is not None:
        await place.db.put(step.doc_id + on, rule(step.marks))
    elif on:
        await place.db.delete(step.doc_id + on)


def play(stage: Stage, groups: list[list[Write | Ruling]]) -> None:
    async def act(place: Place) -> None:
        for group in groups:
            await asyncio.gather(*(do(place, step) for step in group))
        await settle()
        assert got_round(written(place)) == []

    stage.play(act)


@settings(max_examples=80, deadline=None)
@given(groups=st.lists(TOGETHER, min_size=1, max_size=6))
def test_no_revision_is_written_that_a_rule_was_against(stage: Stage, groups: list[list[Write | Ruling]]) -> None:
    play(stage, groups)


@pytest.mark.long
@settings(max_examples=500, deadline=None)
@given(groups=st.lists(TOGETHER, min_size=1, max_size=10))
def test_no_revision_is_written_that_a_rule_was_against_at_length(
    stage: Stage, groups: list[list[Write | Ruling]]
) -> None:
    play(stage, groups)
