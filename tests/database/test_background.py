"""Work that is tried until it succeeds: how often, how soon, and what the log says."""

import asyncio
import logging

import pytest

from docstore.database import background
from docstore.database.background import FIRST_PAUSE, LONGEST_PAUSE, persist, recur
from docstore.errors import DocstoreError, StorageFull, Unavailable


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that were made; each is over at once."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(background, "sleep", sleep)
    return made


class Failing:
    """Work that meets these errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.done = 0
        self.thrice = asyncio.Event()

    async def __call__(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.done += 1
        if self.done == 3:
            self.thrice.set()


async def test_it_is_tried_until_it_succeeds(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, background.__name__)
    work = Failing(*[StorageFull() for _ in range(10)])
    await persist("the sweep", work)
    assert work.done == 1
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert pauses[-1] == max(pauses) == LONGEST_PAUSE
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "the sweep is tried again" in caplog.text


async def test_each_other_reason_is_told(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    await persist("it", Failing(StorageFull(), StorageFull(), Unavailable(), ValueError("odd"), ValueError("odd")))
    assert len(pauses) == 5
    assert [record.exc_info[0] if record.exc_info else None for record in caplog.records] == [None, None, ValueError]
    assert "odd" in caplog.records[-1].getMessage()


async def test_what_succeeds_at_once_says_nothing(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, background.__name__)
    await persist("it", Failing())
    assert (pauses, caplog.records) == ([], [])


async def test_what_recurs_goes_on_after_failures(pauses: list[float]) -> None:
    work = Failing(DocstoreError(), LookupError())
    task = asyncio.create_task(recur("it", 60.0, work))
    await work.thrice.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pauses[:5] == [60.0, FIRST_PAUSE, 2 * FIRST_PAUSE, 60.0, 60.0]
