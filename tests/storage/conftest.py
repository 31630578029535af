"""The store fixture of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.stores import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store. After the test it must pass the check, unless the test set ``store.environment`` aside."""
    store = Store(tmp_path)
    yield store
    assert store.findings() == []
    store.environment.close()
