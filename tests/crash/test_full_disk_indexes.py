"""Search indexes and views of the real server on a full disk: they say so, documents go on; with room so do they."""

import os
import random
import resource
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from docstore.settings import KIB
from tests.crash.server_process import Connection, ServerProcess, check_findings
from tests.crash.test_full_disk_start import UNLIMITED, fill

FULL = (507, {"error": "insufficient_storage", "reason": "The disk is full."})
DOCUMENTS = 1_000
WORDS = [f"word{number}" for number in range(3_000)]
DESIGN = {
    "indexes": {
        "i": {"index": "function (doc) { index('words', doc.words); index('kind', doc.kind, {facet: true}); }"}
    },
    "views": {"v": {"map": "function (doc) { if (doc.kind) emit(doc.kind, null); }", "reduce": "_count"}},
}
PAGE = 4_096


class Place:
    """A database with a search index and a view, and all that was written to it."""

    def __init__(self, http: Connection) -> None:
        self.http = http
        self.random = random.Random(11)
        self.docs: list[dict[str, Any]] = []
        assert http.request("PUT", "/db")[0] == 201
        assert http.request("PUT", "/db/_design/d", DESIGN)[0] == 201

    def write(self, many: int) -> None:
        """Write so many more documents, whose words take much room in an index."""
        new = [
            {
                "_id": f"d{len(self.docs) + number:05}",
                "words": " ".join(self.random.choices(WORDS, k=40)),
                "kind": self.random.choice("xyz"),
            }
            for number in range(many)
        ]
        status, rows = self.http.request("POST", "/db/_bulk_docs", {"docs": new})
        assert status == 201, rows
        assert isinstance(rows, list)
        assert all(row["ok"] for row in rows)
        self.docs += new

    def search(self, **members: Any) -> tuple[int, Any]:
        return self.http.request("POST", "/db/_design/d/_search/i", {"q": "*:*", "limit": 0, **members})

    def assert_readable(self) -> None:
        """The documents are what they are."""
        assert self.http.request("GET", "/db/d00001")[1]["words"] == self.docs[1]["words"]
        assert self.http.request("GET", "/db")[1]["doc_count"] == len(self.docs) + 1

    def assert_indexed(self) -> None:
        """Both indexes show what is computed from the documents."""
        kinds = dict(Counter(doc["kind"] for doc in self.docs))
        found = self.search(counts=["kind"])[1]
        assert (found["total_rows"], found["counts"]) == (len(self.docs), {"kind": kinds})
        word = self.docs[0]["words"].split()[0]
        expected = [doc["_id"] for doc in self.docs if word in doc["words"].split()]
        rows = self.search(q=f"words:{word}", limit=200, sort="_id<string>")[1]["rows"]
        assert [row["id"] for row in rows] == expected
        counted = self.http.request("GET", "/db/_design/d/_view/v?group=true")[1]["rows"]
        assert {row["key"]: row["value"] for row in counted} == kinds


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    assert check_findings(tmp_path / "data") == []


@pytest.mark.parametrize("longest", [2 * PAGE, 64 * KIB, 192 * KIB])
def test_no_file_may_grow(data: Path, longest: int) -> None:
    """An index that is new, then one that has something: what it had is shown, and it goes on from there.

    The two first pages of the store are there, and can be written on any full disk; a commit in the background that
    may not do so behind its other pages ends all writes.
    """
    with ServerProcess(data) as server, closing(server.connect()) as http:
        place = Place(http)
        place.write(DOCUMENTS)
        for _ in range(2):
            server.limit(resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))
            assert place.search() == FULL
            assert place.search(q="words:word7") == FULL
            place.assert_readable()
            if len(place.docs) > DOCUMENTS:
                assert place.search(stale="ok")[1]["total_rows"] == DOCUMENTS
            server.limit(resource.RLIMIT_FSIZE, UNLIMITED)
            place.assert_indexed()
            place.write(DOCUMENTS)
        place.assert_indexed()


def test_documents_are_written_meanwhile(data: Path, small_disk: Path) -> None:
    """The indexes stand on another disk, which is full."""
    (small_disk / "search").mkdir()
    data.mkdir()
    (data / "search").symlink_to(small_disk / "search")
    with ServerProcess(data) as server, closing(server.connect()) as http:
        place = Place(http)
        place.write(DOCUMENTS)
        place.assert_indexed()
        ballast = fill(small_disk)
        for _ in range(3):
            place.write(DOCUMENTS)
            assert place.search() == FULL
            place.assert_readable()
        assert place.search(stale="ok")[1]["total_rows"] == DOCUMENTS
        ballast.unlink()
        place.assert_indexed()


@pytest.mark.parametrize("pages", [0, 1, 2, 6, 24, 28])
def test_the_last_room_of_a_disk(small_disk: Path, pages: int) -> None:
    """Files are made and end in the middle; one that is written to by memory would end the process."""
    data = small_disk / "data"
    with ServerProcess(data) as server, closing(server.connect()) as http:
        place = Place(http)
        place.write(20)
        ballast = fill(small_disk)
        os.truncate(ballast, ballast.stat().st_size - pages * PAGE)
        seen = http.request("GET", "/db/_design/d/_view/v")
        assert seen == FULL or seen[0] == 200
        seen = place.search()
        assert seen == FULL or seen[0] == 200
        place.assert_readable()
        ballast.unlink()
        place.assert_indexed()
    assert shutil.disk_usage(small_disk).free > 0
    assert check_findings(data) == []
