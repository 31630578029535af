"""Views over a real store, with functions in Python."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docstore.query.views import mapping
from docstore.query.views.index_file import IndexFile
from docstore.settings import StorageSettings
from tests.query.views.inline import InlineWorkers, engine_for


@pytest.fixture(autouse=True)
def python_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "engine_for", engine_for)


@pytest.fixture
def workers() -> InlineWorkers:
    return InlineWorkers()


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[IndexFile]:
    file = IndexFile(tmp_path, StorageSettings())
    yield file
    await file.close()
