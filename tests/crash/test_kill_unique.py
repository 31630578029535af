"""SIGKILL while writes race for the values of a unique index, and another is built: no value is ever taken twice."""

import http.client
import random
import threading
from pathlib import Path

import pytest

from tests.crash.server_process import Connection, ServerProcess, check_findings

KILLS = 2
KILLS_LONG = 40
WRITERS = 3
THERE_BEFORE = 2_000
VALUES = 400
ACKNOWLEDGED_BEFORE_KILL = (5, 150)
DESIGN = {
    "language": "query",
    "views": {
        "v": {
            "map": {"fields": {"value": "asc"}},
            "reduce": "_count",
            "options": {"def": {"fields": ["value"]}, "unique": True},
        }
    },
}


class Racer(threading.Thread):
    """Gives its documents values that others want too, until the server is gone."""

    def __init__(self, port: int, seed: int, answered: threading.Semaphore) -> None:
        super().__init__()
        self._connection = Connection(port)
        self._random = random.Random(seed)
        self._answered = answered
        self.surprise: str | None = None

    def run(self) -> None:
        try:
            while True:
                name, value = f"d{self._random.randrange(VALUES)}", self._random.randrange(VALUES)
                known, document = self._connection.request("GET", f"/db/{name}")
                body = {"value": value}
                if known == 200:
                    assert isinstance(document, dict)
                    body["_rev"] = document["_rev"]
                method = "DELETE" if known == 200 and self._random.random() < 0.2 else "PUT"
                path = f"/db/{name}?rev={body['_rev']}" if method == "DELETE" else f"/db/{name}"
                status, reply = self._connection.request(method, path, None if method == "DELETE" else body)
                assert status in (200, 201, 409), f"{method} {path}: {status} {reply}"
                self._answered.release()
        except (OSError, http.client.HTTPException):
            return  # the server was killed, which is the point
        except AssertionError as failed:
            self.surprise = str(failed)
        finally:
            self._connection.close()


def make_again(connection: Connection) -> None:
    """An index beside the one that is raced for: its removal and its build are what is killed."""
    known, design = connection.request("GET", "/db/_design/again")
    if known == 200:
        assert isinstance(design, dict)
        assert connection.request("DELETE", f"/db/_design/again?rev={design['_rev']}")[0] == 200
    assert connection.request("PUT", "/db/_design/again", DESIGN)[0] == 201


def assert_nothing_stands_twice(connection: Connection) -> None:
    status, listed = connection.request("GET", "/db/_conflicts?kind=unique")
    assert (status, listed["total_rows"]) == (200, 0)
    _, everything = connection.request("GET", "/db/_all_docs?include_docs=true")
    values = [row["doc"]["value"] for row in everything["rows"] if "value" in row["doc"]]
    assert len(values) == len(set(values))


@pytest.mark.parametrize("kills", [KILLS, pytest.param(KILLS_LONG, marks=pytest.mark.long)])
def test_no_value_is_taken_twice(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    for seed in range(kills):
        with ServerProcess(tmp_path) as server:
            connection = server.connect()
            if seed == 0:
                assert connection.request("PUT", "/db")[0] == 201
                docs = [{"_id": f"there{number}", "value": VALUES + number} for number in range(THERE_BEFORE)]
                assert connection.request("PUT", "/db/_design/u", DESIGN)[0] == 201
                assert connection.request("POST", "/db/_bulk_docs", {"docs": docs})[0] == 201
            make_again(connection)
            connection.close()
            answered = threading.Semaphore(0)
            racers = [Racer(server.port, seed * WRITERS + number, answered) for number in range(WRITERS)]
            for racer in racers:
                racer.start()
            for _ in range(chance.randint(*ACKNOWLEDGED_BEFORE_KILL)):
                assert answered.acquire(timeout=60), f"no answer, {[racer.surprise for racer in racers]}"
            server.kill()
            for racer in racers:
                racer.join(60)
            assert [racer.surprise for racer in racers] == [None] * WRITERS
        assert check_findings(tmp_path) == []
    with ServerProcess(tmp_path) as server:
        connection = server.connect()
        assert_nothing_stands_twice(connection)
        connection.close()
    assert check_findings(tmp_path) == []
