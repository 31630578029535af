"""What happens to each row of a batch, against a target that is a plain dict."""

from collections.abc import Sequence

import pytest

from docstore.cli.commands.load import Tally, load_batch, same_content
from docstore.cli.rows import BadRow, Members, Row
from docstore.cli.targets.places import CONFLICT_ERROR, WRITTEN, WriteResult


class DictTarget:
    """Refuses documents with a member "bad", and those whose id it has, unless they bring its revision."""

    def __init__(self) -> None:
        self.documents: dict[str, Members] = {}
        self.writes = 0

    async def write(self, documents: Sequence[Members]) -> list[WriteResult]:
        self.writes += 1
        return [self._write(members) for members in documents]

    def _write(self, members: Members) -> WriteResult:
        doc_id = str(members["_id"])
        if "bad" in members:
            return WriteResult("doc_validation", "bad member")
        present = self.documents.get(doc_id)
        if present is not None and present["_rev"] != members.get("_rev"):
            return WriteResult(CONFLICT_ERROR, "Document update conflict.")
        self.documents[doc_id] = {**members, "_rev": f"{self.writes}-x"}
        return WRITTEN

    async def read(self, doc_ids: Sequence[str]) -> list[Members | None]:
        return [self.documents.get(doc_id) for doc_id in doc_ids]


def rows(*documents: Members) -> list[Row | BadRow]:
    return [Row("f", number, members) for number, members in enumerate(documents, 1)]


@pytest.fixture
def target() -> DictTarget:
    return DictTarget()


async def test_repeating_changes_nothing(target: DictTarget) -> None:
    batch = rows({"_id": "a", "n": 1}, {"_id": "b", "n": 2})
    tally = Tally()
    await load_batch(target, batch, tally, update=False)
    assert (tally.written, tally.unchanged) == (2, 0)
    before = dict(target.documents)
    await load_batch(target, batch, tally, update=False)
    assert (tally.written, tally.unchanged) == (2, 2)
    assert target.documents == before
    assert str(tally) == "2 written, 2 unchanged"


async def test_what_was_missed_is_written(target: DictTarget) -> None:
    await load_batch(target, rows({"_id": "a", "n": 1}), Tally(), update=False)
    tally = Tally()
    await load_batch(target, rows({"_id": "a", "n": 1}, {"_id": "b", "n": 2}), tally, update=False)
    assert (tally.written, tally.unchanged) == (1, 1)
    assert set(target.documents) == {"a", "b"}


async def test_a_different_document_is_left_alone(target: DictTarget) -> None:
    await load_batch(target, rows({"_id": "a", "n": 1}), Tally(), update=False)
    tally = Tally()
    await load_batch(target, rows({"_id": "a", "n": 2}), tally, update=False)
    assert (tally.written, tally.different) == (0, 1)
    assert target.documents["a"]["n"] == 1
    assert tally.problems == ["f: row 1 (a): the document is different in the database (--update overwrites it)"]


async def test_update_overwrites_it(target: DictTarget) -> None:
    await load_batch(target, rows({"_id": "a", "n": 1}), Tally(), update=False)
    tally = Tally()
    await load_batch(target, rows({"_id": "a", "n": 2}), tally, update=True)
    assert (tally.written, tally.different) == (1, 0)
    assert target.documents["a"]["n"] == 2


async def test_a_document_that_is_gone_and_one_refused(target: DictTarget) -> None:
    tally = Tally()
    batch = [*rows({"_id": "a", "bad": True}, {"_id": "b"}), BadRow("f", 3, "not a JSON object")]
    await load_batch(target, batch, tally, update=False)
    assert (tally.written, tally.refused) == (1, 2)
    assert tally.problems == ["f: row 3: not a JSON object", "f: row 1 (a): doc_validation: bad member"]
    assert str(tally) == "1 written, 0 unchanged, 2 refused"


async def test_the_same_id_twice_in_one_batch(target: DictTarget) -> None:
    tally = Tally()
    await load_batch(target, rows({"_id": "a"}, {"_id": "a"}, {"_id": "a", "n": 1}), tally, update=False)
    assert (tally.written, tally.unchanged, tally.different) == (1, 1, 1)


async def test_a_batch_without_documents_writes_nothing(target: DictTarget) -> None:
    tally = Tally()
    await load_batch(target, [BadRow("f", 1, "x")], tally, update=False)
    assert (target.writes, tally.refused) == (0, 1)


def test_content_is_compared_as_the_revision_sees_it() -> None:
    assert same_content({"_id": "a", "n": 1}, {"_id": "a", "_rev": "1-x", "n": 1})
    assert not same_content({"n": 1}, {"n": 1.0})
    assert not same_content({"n": 1, "m": 2}, {"m": 2, "n": 1})
