"""A writer for the tests of the engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docstore.settings import StorageSettings
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer
from tests.storage.engine.writer_bench import SETTINGS, Applied, Bench, HeldCommit, Open


@pytest.fixture
async def open_bench(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[Bench] = []

    def open_bench(settings: StorageSettings) -> Bench:
        applied, commit, summaries = Applied(), HeldCommit(), []
        environment = Environment.open(tmp_path, settings)
        writer = Writer(environment, applied, summaries.append, commit=commit)
        opened.append(Bench(environment, writer, applied, commit, summaries))
        return opened[-1]

    yield open_bench
    for bench in opened:
        await bench.writer.close()
        bench.environment.close()


@pytest.fixture
def bench(open_bench: Open) -> Bench:
    return open_bench(SETTINGS)
