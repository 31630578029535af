"""SIGKILL in the middle of a build of views: afterwards they show what a plain recomputation shows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docstore.core.collation_key import order_key
from docstore.core.json_text import encode
from tests.crash.killing import AskedDatabase, kill_while_asked
from tests.crash.server_process import ServerProcess, check_findings

KILLS = 2
KILLS_LONG = 40
DOCUMENTS = 4_000
"""Several batches of a build."""
CHANGED = 150
PURGED = 100
"""As many as one request may name."""
RANGES = 12

PAIRS = "function(doc) { emit([doc.g, doc.k, doc.t], doc.v); }"
MANY = "function(doc) { for (var i in doc.many) emit(doc.many[i], (doc._conflicts || []).length); }"
SUM = "function(keys, values, rereduce) { return sum(values); }"
Rows = list[dict[str, Any]]


class Place(AskedDatabase):
    """The database, with views of it."""

    def body(self) -> dict[str, Any]:
        """Keys of which many are equal, and some are long."""
        choice = self.random.choice
        return {
            "g": choice(["g", "h", 1, None]),
            "k": choice([*range(30), "x" * 600, "x" * 600 + "a"]),
            "t": choice("äbcZ"),
            "v": self.random.randrange(100),
            "many": [choice("abcdef") for _ in range(self.random.randrange(4))],
        }

    def fill(self) -> None:
        self.http.request("PUT", "/db")
        docs = [{"_id": f"doc{number}", **self.body()} for number in range(DOCUMENTS)]
        for start in range(0, DOCUMENTS, 1_000):
            self.ask("POST", "/_bulk_docs", {"docs": docs[start : start + 1_000]})

    def change(self) -> None:
        """Edits, deletions, conflicts, purges and a compaction."""
        rows = self.ask("GET", "/_all_docs")["rows"]
        chosen = [row for row in self.random.sample(rows, CHANGED * 3) if not row["id"].startswith("_")]
        docs: Rows = []
        for row in chosen[:CHANGED]:
            docs.append({"_id": row["id"], "_rev": row["value"]["rev"], **self.body()})
            if self.random.random() < 0.3:
                docs[-1]["_deleted"] = True
        docs += [{"_id": f"new{self.random.random()}", **self.body()} for _ in range(CHANGED)]
        self.ask("POST", "/_bulk_docs", {"docs": docs})
        beside = [
            {"_id": row["id"], "_rev": f"1-{self.random.randbytes(16).hex()}", **self.body()}
            for row in chosen[CHANGED : 2 * CHANGED]
        ]
        self.ask("POST", "/_bulk_docs", {"docs": beside, "new_edits": False})
        gone = {row["id"]: [row["value"]["rev"]] for row in chosen[2 * CHANGED :][:PURGED]}
        self.ask("POST", "/_purge", gone)
        self.ask("POST", "/_compact", {})

    def redesign(self, number: int) -> None:
        """Views that emit the same as those before, and are others: they are built from nothing."""
        views = {
            "pairs": {"map": PAIRS, "reduce": "_stats"},
            "sums": {"map": f"{PAIRS} // {number}", "reduce": SUM},
            "many": {"map": MANY, "reduce": "_count"},
        }
        status, there = self.http.request("GET", "/db/_design/d")
        on = {"_rev": there["_rev"]} if status == 200 and isinstance(there, dict) else {}
        self.ask("PUT", "/_design/d", {"views": views, **on})

    def rows(self, query: str) -> Rows:
        view, _, parameters = query.partition("?")
        return list(self.ask("GET", f"/_design/d/_view/{view}?{parameters}")["rows"])


def kill_in_the_middle(place: Place, server: ServerProcess) -> bool:
    """Let somebody wait for the views, and kill the server soon after it began; whether it was at work then."""
    before = index_of(place)["update_seq"]
    moved = place.random.random() < 0.7  # otherwise as soon as it begins

    def seen() -> bool:
        index = index_of(place)
        return bool(index["update_seq"] != before if moved else index["updater_running"])

    return kill_while_asked(server, "GET", "/db/_design/d/_view/sums", None, place.random.randrange(4), seen)


def index_of(place: Place) -> Any:
    return place.ask("GET", "/_design/d/_info")["view_index"]


def computed(documents: Rows) -> tuple[Rows, Rows]:
    """The rows of both map functions, in order."""
    pairs = [(doc, [doc["g"], doc["k"], doc["t"]], doc["v"]) for doc in documents]
    many = [(doc, key, len(doc.get("_conflicts", []))) for doc in documents for key in doc["many"]]
    return in_order(pairs), in_order(many)


def in_order(emitted: list[tuple[dict[str, Any], Any, Any]]) -> Rows:
    rows = [{"id": doc["_id"], "key": key, "value": value} for doc, key, value in emitted]
    return sorted(rows, key=lambda row: (order_key(row["key"]), row["id"].encode(), row["value"]))


def groups(rows: Rows, level: int | None) -> Iterator[tuple[Any, list[int]]]:
    found: dict[bytes, tuple[Any, list[int]]] = {}
    for row in rows:
        key = row["key"] if level is None else row["key"][:level]
        found.setdefault(order_key(key), (key, []))[1].append(row["value"])
    yield from found.values()


def stats(values: list[int]) -> dict[str, int]:
    low, high = min(values), max(values)
    return {
        "sum": sum(values),
        "count": len(values),
        "min": low,
        "max": high,
        "sumsqr": sum(value * value for value in values),
    }


def assert_recomputed(place: Place) -> None:
    pairs, many = computed(place.documents("&conflicts=true"))
    assert place.rows("pairs?reduce=false") == pairs
    assert place.rows("many?reduce=false") == many
    for level, parameters in ((1, "group_level=1"), (2, "group_level=2"), (None, "group=true")):
        expected = [{"key": key, "value": stats(values)} for key, values in groups(pairs, level)]
        assert place.rows(f"pairs?{parameters}") == expected
        sums = [{"key": row["key"], "value": row["value"]["sum"]} for row in expected]
        assert place.rows(f"sums?{parameters}") == sums
    counts = [{"key": key, "value": len(values)} for key, values in groups(many, None)]
    assert place.rows("many?group=true") == counts
    for _ in range(RANGES):
        first, last = sorted(place.random.sample(range(len(pairs)), 2))
        low, high = pairs[first]["key"], pairs[last]["key"]
        inside = [row for row in pairs if order_key(low) <= order_key(row["key"]) <= order_key(high)]
        bounds = f"startkey={quoted(low)}&endkey={quoted(high)}"
        assert place.rows(f"pairs?reduce=false&{bounds}") == inside
        assert place.rows(f"pairs?{bounds}") == [{"key": None, "value": stats([row["value"] for row in inside])}]
        assert place.rows(f"sums?{bounds}") == [{"key": None, "value": sum(row["value"] for row in inside)}]


def quoted(key: object) -> str:
    return "".join(f"%{byte:02X}" for byte in encode(key))  # type: ignore[arg-type]


@pytest.mark.parametrize("kills", [KILLS, pytest.param(KILLS_LONG, marks=pytest.mark.long)])
def test_views_survive_a_kill_in_the_middle_of_their_build(tmp_path: Path, kills: int) -> None:
    place = Place(kills)
    in_time = 0
    for number in range(kills):
        with ServerProcess(tmp_path) as server:
            place.http = server.connect()
            if number == 0:
                place.fill()
            elif number % 2 == 0:
                assert_recomputed(place)
            if number % 3 != 2:
                place.redesign(number)
            place.change()
            in_time += kill_in_the_middle(place, server)
            place.http.close()
    assert in_time
    with ServerProcess(tmp_path) as server:
        place.http = server.connect()
        assert_recomputed(place)
        place.http.close()
    assert check_findings(tmp_path) == []
