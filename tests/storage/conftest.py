"""The fixtures of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from docstore.storage.documents import counted
from tests.storage.stores import Store


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second document or so begins a block of the counts by id. To be used before the store."""
    monkeypatch.setattr(counted, "BLOCK_MEAN", 2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store. After the test it must pass the check, unless the test set ``store.environment`` aside."""
    store = Store(tmp_path)
    yield store
    assert store.findings() == []
    store.environment.close()
