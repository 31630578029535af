"""Questions in threads and in processes of their own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from docstore.core.lucene.parser import parse
from docstore.errors import BadRequest
from docstore.query.search import asking as asking_module
from docstore.query.search.answering import Answer
from docstore.query.search.asked import Grouping, Highlighting, Question, SortField
from docstore.query.search.asking import Asking
from docstore.query.search.bounds import SearchTimedOut, Weight
from docstore.query.search.entries import Field, entry_of
from docstore.query.search.folder import Folder, make_folder, remove_folder
from docstore.query.search.ordering import By
from docstore.query.search.plan import SearchPlan, plan_of
from docstore.settings import FunctionSettings, SearchSettings, WorkerSettings
from docstore.workers.pool import Pool

LIMITS = SearchSettings(writer_memory=15_000_000, process_from=0)
DESIGN = {"indexes": {"i": {"index": "function(doc) {}"}}}
PLAN: SearchPlan = plan_of(DESIGN, "i", FunctionSettings(), with_partitions=False)
QUESTIONS = [
    Question(parse("word:a*"), 10, counts=("tag",), ranges={"n": {"few": parse("n:[0 TO 3]")}}),  # type: ignore[dict-item]
    Question(parse("word:/ab?/ OR n:1"), 2, highlighting=Highlighting(("word",)), fields=frozenset({"n"})),
    Question(parse("word:ab~1 AND tag:x"), 10, grouping=Grouping("tag", 10), sort=(SortField(By.NUMBER, "n", True),)),
]


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(WorkerSettings(processes=1))
    yield pool
    await pool.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = make_folder(tmp_path / "i", 1, 4)
    for number in range(20):
        fields = [Field("word", "a" + "b" * (number % 4), {"store": True}), Field("n", number, {"store": True})]
        fields.append(Field("tag", "xy"[number % 2], {"facet": True}))
        entry, _ = entry_of(f"d{number:02}", fields, PLAN.analyzers, 100, partitioned=False)
        assert entry is not None
        folder.write([entry], [], LIMITS, fresh=True)
    folder.commit(1, 0)
    return folder


async def answers(pool: Pool, folder: Folder, limits: SearchSettings) -> list[Answer | None]:
    asking = Asking(pool.reserve, limits)
    return [await asking.answer(folder, PLAN, question) for question in QUESTIONS]


async def test_a_process_answers_as_a_thread_does(pool: Pool, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    apart = await answers(pool, folder, LIMITS)
    assert pool.reserve.counts["started"] == 1
    monkeypatch.setattr(asking_module, "weight_of", lambda _: Weight(patterns=1))
    assert await answers(pool, folder, replace(LIMITS, process_from=1 << 60)) == apart
    assert pool.reserve.counts["started"] == 1
    assert all(one is not None and one.total for one in apart)


async def test_a_question_that_takes_too_long_is_ended(pool: Pool, folder: Folder) -> None:
    late = Asking(pool.reserve, replace(LIMITS, max_time=0.0))
    with pytest.raises(SearchTimedOut):
        await late.answer(folder, PLAN, QUESTIONS[0])
    with pytest.raises(SearchTimedOut):
        await late.answer(folder, PLAN, Question(parse("word:a"), 1))
    assert pool.reserve.pids == []
    assert (await answers(pool, folder, LIMITS))[0] is not None


async def test_whoever_waits_too_long_for_a_turn_is_told(
    pool: Pool, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Asking(pool.reserve, replace(LIMITS, at_once=1, max_time=0.01))
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def held(*_: object) -> None:
        begun.set()
        await let_go.wait()

    monkeypatch.setattr(asking_module, "to_thread", held)
    first = asyncio.create_task(asking.answer(folder, PLAN, Question(parse("word:a"), 1)))
    await begun.wait()
    with pytest.raises(SearchTimedOut):
        await asking.answer(folder, PLAN, Question(parse("word:a"), 1))
    let_go.set()
    await first


async def test_what_is_refused_there_and_files_that_are_gone(pool: Pool, folder: Folder) -> None:
    asking = Asking(pool.reserve, replace(LIMITS, max_answer=100))
    with pytest.raises(BadRequest, match="more than 100 bytes"):
        await asking.answer(folder, PLAN, QUESTIONS[0])
    assert len(pool.reserve.pids) == 1  # it ended by its own word
    remove_folder(folder.path)
    assert await asking.answer(folder, PLAN, QUESTIONS[1]) is None


async def test_what_an_answer_shows_is_bounded(pool: Pool, folder: Folder) -> None:
    asking = Asking(pool.reserve, replace(LIMITS, max_answer=500, process_from=1 << 60))
    question = Question(parse("*:*"), 5)
    assert await asking.answer(folder, PLAN, question) is not None
    for more in (
        replace(question, limit=20),
        replace(question, query=parse("word:ab"), highlighting=Highlighting(("word",), before="x" * 200)),
    ):
        with pytest.raises(BadRequest, match="more than 500 bytes"):
            await asking.answer(folder, PLAN, more)
    assert await asking.answer(folder, PLAN, replace(question, limit=9, fields=frozenset())) is not None
