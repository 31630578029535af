"""What a batch makes: the rows of documents that are new are those that any document gets."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.storage.documents import documents
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.new_documents import is_new
from tests.storage.stores import Store, line, rev


def rows(store: Store) -> dict[str, list[tuple[bytes, bytes]]]:
    with store.read() as txn:
        return {one.name: list(txn.cursor(getattr(store.tables, one.name))) for one in fields(store.tables)}


def batches() -> Iterator[tuple[bool, list[Edit]]]:
    """Interactive and replicated ones, with whatever makes a document more than new."""
    yield True, [Edit(f"d{number}", None, False, b'{"n":%d}' % number, b"j") for number in range(40)]
    yield (
        True,
        [
            *(Edit(f"e{number}", None, number % 3 == 0, b"{}", b"j") for number in range(9, 0, -1)),
            Edit('quote"d\x01ü', None, False, b"{}", b"j"),
            Edit("x" * 400, None, False, b'{"long":1}', b"j"),
            Edit("x" * 500, None, False, b'{"long":2}', b"j"),
            Edit("d7", None, False, b"{}", b"j"),
        ],
    )
    yield (
        False,
        [
            Edit("f1", None, False, b'{"first":1}', b"", path=(rev(1, "a"),)),
            Edit("f2", None, True, b"{}", b"", path=line(3, 1)),
            Edit("f3", None, False, b"{}", b"", path=line(200, 1)),
            Edit("f4", None, False, b"{}", b"", path=(Rev(1, b"odd"),)),
            Edit("f5", None, False, b'{"leaf":1}', b"", path=line(2, 1)),
            Edit("f5", None, False, b'{"leaf":2}', b"", path=line(2, 1, "b")),
            Edit("f6", None, False, b'{"generation":1}', b"", path=line(1, 1)),
            Edit("f6", None, False, b'{"generation":2}', b"", path=line(2, 1)),
            Edit("d8", None, False, b"{}", b"", path=line(2, 1)),
        ],
    )


@pytest.mark.usefixtures("small_blocks")
def test_new_documents_have_the_rows_of_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = []
    for name in ("short", "long"):
        (tmp_path / name).mkdir()
        store = Store(tmp_path / name)
        stores.append(store)
        db = store.create()
        for new_edits, edits in batches():
            store.edit(db, *edits, new_edits=new_edits)
            assert store.findings() == []
        monkeypatch.setattr(documents, "is_new", lambda _: False)
    assert rows(stores[0]) == rows(stores[1])


def test_which_documents_are_new(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    found: set[str] = set()

    def noted(change: DocumentChange) -> bool:
        if is_new(change):
            found.add(change.id)
            return True
        return False

    monkeypatch.setattr(documents, "is_new", noted)
    db = store.create()
    for new_edits, edits in batches():
        store.edit(db, *edits, new_edits=new_edits)
    plain = {edit.id for new_edits, edits in batches() if new_edits for edit in edits if len(edit.id) < 400}
    assert found == {*plain, "f1", "f2"}
