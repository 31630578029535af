"""SIGKILL in the middle of a build of a search index: afterwards it shows what a plain recomputation shows."""

import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.crash.killing import AskedDatabase, kill_while_asked
from tests.crash.server_process import ServerProcess, check_findings

KILLS = 2
KILLS_LONG = 30
DOCUMENTS = 300
PADDING = "x" * 400
"""So that a build has several batches."""
CHANGED = 60
PURGED = 30
SERVED = ("sh", "-c", '"$0" "$@"; exit $?', sys.executable, "-m", "tests.crash.searching_child")
"""What a server is started by. Of a server that nobody kills a build is committed every few seconds."""
WORDS = ("ab", "abc", "b", "bcd", "c")
FUNCTION = """function (doc) {
  index("words", doc.words, {store: true});
  index("n", doc.n, {store: true});
  index("t", doc.t, {facet: true});
}"""
QUERIES = {
    "words:ab": lambda doc: "ab" in doc["words"].split(),
    "words:b*": lambda doc: "b" in doc["words"].split() or "bcd" in doc["words"].split(),
    'words:"ab c"': lambda doc: "ab c" in f"{doc['words']} ",
    "n:[3 TO 5}": lambda doc: 3 <= doc["n"] < 5,
    "*:* AND NOT words:abc": lambda doc: "abc" not in doc["words"].split(),
}
PAGE = 200
Documents = list[dict[str, Any]]


class Place(AskedDatabase):
    """The database, with a search index of it."""

    def body(self) -> dict[str, Any]:
        choice = self.random.choice
        words = " ".join(choice(WORDS) for _ in range(self.random.randrange(1, 6)))
        return {"words": words, "n": self.random.randrange(10), "t": choice("xyz"), "pad": PADDING}

    def fill(self) -> None:
        self.http.request("PUT", "/db")
        self.ask("POST", "/_bulk_docs", {"docs": [{"_id": f"doc{n:05}", **self.body()} for n in range(DOCUMENTS)]})

    def change(self) -> None:
        """Edits, deletions, new documents and purges."""
        rows = [row for row in self.ask("GET", "/_all_docs")["rows"] if not row["id"].startswith("_")]
        chosen = self.random.sample(rows, CHANGED + PURGED)
        docs: Documents = []
        for row in chosen[:CHANGED]:
            docs.append({"_id": row["id"], "_rev": row["value"]["rev"], **self.body()})
            if self.random.random() < 0.3:
                docs[-1]["_deleted"] = True
        docs += [{"_id": f"new{self.random.random()}", **self.body()} for _ in range(CHANGED)]
        self.ask("POST", "/_bulk_docs", {"docs": docs})
        self.ask("POST", "/_purge", {row["id"]: [row["value"]["rev"]] for row in chosen[CHANGED:]})

    def redesign(self, number: int) -> None:
        """An index that shows the same as the one before, and is another: it is built from nothing."""
        status, there = self.http.request("GET", "/db/_design/d")
        on = {"_rev": there["_rev"]} if status == 200 and isinstance(there, dict) else {}
        self.ask("PUT", "/_design/d", {"indexes": {"i": {"index": f"{FUNCTION} // {number}"}}, **on})

    def search(self, **members: object) -> Any:
        return self.ask("POST", "/_design/d/_search/i", members)

    def rows(self, query: str) -> Documents:
        """All rows of a query, page by page, which are in the order of ids."""
        rows: Documents = []
        bookmark = None
        while True:
            page = self.search(q=query, sort="_id<string>", limit=PAGE, bookmark=bookmark)
            rows += page["rows"]
            bookmark = page["bookmark"]
            if len(page["rows"]) < PAGE:
                assert page["total_rows"] == len(rows)
                return rows


def kill_in_the_middle(place: Place, server: ServerProcess) -> bool:
    """Let somebody search, and kill the server soon after a build began; whether it was at work then."""
    before = committed(place)
    moved = place.random.random() < 0.7  # otherwise as soon as it begins
    looks = place.random.randrange(1, 4)
    asked = {"q": "*:*"}
    return kill_while_asked(
        server, "POST", "/db/_design/d/_search/i", asked, looks, lambda: committed(place) != before or not moved
    )


def committed(place: Place) -> int:
    return int(place.ask("GET", "/_design/d/_search_info/i")["search_index"]["committed_seq"])


def assert_recomputed(place: Place) -> None:
    documents = place.documents()
    for query, matches in QUERIES.items():
        expected = {doc["_id"]: {"words": doc["words"], "n": doc["n"]} for doc in documents if matches(doc)}
        rows = place.rows(query)
        assert [row["id"] for row in rows] == sorted(expected), query
        assert {row["id"]: row["fields"] for row in rows} == expected
    counts = place.search(q="*:*", limit=0, counts=["t"])["counts"]
    assert counts == {"t": dict(Counter(doc["t"] for doc in documents))}


@pytest.mark.parametrize("kills", [KILLS, pytest.param(KILLS_LONG, marks=pytest.mark.long)])
def test_a_search_index_survives_a_kill_in_the_middle_of_its_build(tmp_path: Path, kills: int) -> None:
    place = Place(kills)
    in_time = 0
    for number in range(kills):
        with ServerProcess(tmp_path, before=SERVED) as server, closing(server.connect()) as place.http:
            if number == 0:
                place.fill()
            elif number % 2 == 0:
                assert_recomputed(place)
            if number % 3 != 1:  # otherwise the one that was killed goes on
                place.redesign(number)
            place.change()
            in_time += kill_in_the_middle(place, server)
    assert in_time
    with ServerProcess(tmp_path) as server, closing(server.connect()) as place.http:
        assert_recomputed(place)
    assert check_findings(tmp_path) == []
