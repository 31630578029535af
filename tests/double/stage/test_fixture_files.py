"""What files and folders say of documents."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from docstore.double.stage.fixture_files import BadFixture, read_documents

DOCS = [{"_id": "alien", "year": 1979}, {"_id": "brazil", "year": 1985}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps(DOCS)),
        ("a.json", json.dumps({"docs": DOCS, "new_edits": True})),
        ("a.json", json.dumps({"total_rows": 2, "rows": [{"id": doc["_id"], "doc": doc} for doc in DOCS]})),
        ("a.jsonl", "\n\n".join(map(json.dumps, DOCS))),
        ("a.ndjson", "\n".join(map(json.dumps, DOCS)) + "\n"),
    ],
)
def test_forms_of_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_documents(tmp_path / name).documents == DOCS


def test_a_file_may_be_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(DOCS[0]))
    assert read_documents(tmp_path / "a.json").documents == DOCS[:1]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", "{", "a.json: "),
        ("a.json", "7", "a.json: neither a document"),
        ("a.json", "[{}, 7]", "a.json, document 2: no document"),
        ("a.json", '{"rows":[{"id":"a"}]}', "a.json, document 1: no document"),
        ("a.jsonl", "{}\n{", "a.jsonl, line 2: "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadFixture, match=told):
        read_documents(tmp_path / name)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "alien.json": '{"_attachments":{"note.txt":{"content_type":"text/x-note"},"far":{"data":"YQ=="}}}',
            "alien/poster.png": "png",
            "alien/stills/1.dat": "still",
            "alien/note.txt": "note",
            "alien/.hidden": "no",
            "other.json": '{"_id":"brazil"}',
            "_design/by.year.json": '{"views":{}}',
            "_local/mine.json": "{}",
            "_security.json": '{"members":{"names":["sue"]}}',
            ".git/config.json": "no",
        },
    )
    read = read_documents(tmp_path)
    assert read.security == {"members": {"names": ["sue"]}}
    found = {str(doc["_id"]): doc for doc in read.documents}
    assert set(found) == {"alien", "brazil", "_design/by.year", "_local/mine"}
    attached = found["alien"]["_attachments"]
    assert {
        name: (one.get("content_type"), b64decode(one["data"]))
        for name, one in attached.items()  # type: ignore[attr-defined]
    } == {
        "poster.png": ("image/png", b"png"),
        "stills/1.dat": ("application/octet-stream", b"still"),
        "note.txt": ("text/x-note", b"note"),
        "far": (None, b"a"),
    }


def test_a_file_that_belongs_to_nothing_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"alien.json": "{}", "allien/poster.png": "png"})
    with pytest.raises(BadFixture, match=r"allien\.json"):
        read_documents(tmp_path)
