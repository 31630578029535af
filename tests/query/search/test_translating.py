"""Queries that tantivy does not take."""

from pathlib import Path

import pytest

from docstore.core.lucene.parser import parse
from docstore.errors import BadRequest
from docstore.query.search.answering import answer
from docstore.query.search.asked import Question
from docstore.query.search.folder import make_folder
from tests.query.search.test_folder import ANALYZERS, LIMITS, write


@pytest.mark.parametrize("pattern", ["x(code: 28", "x(os error 24", "*"])
def test_a_pattern_is_at_fault_and_no_disk(tmp_path: Path, pattern: str, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_folder(tmp_path / "i", 7, 8)
    write(folder, "a")
    folder.commit(1, 0)
    with pytest.raises(BadRequest, match="This pattern cannot be searched for"):
        answer(folder, ANALYZERS, Question(parse(f"fa:/{pattern}/"), 5), LIMITS)
    assert not caplog.records
