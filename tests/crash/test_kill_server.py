"""SIGKILL under concurrent writes: whatever was acknowledged is there afterwards, and the store is clean."""

import http.client
import random
import threading
from pathlib import Path

import pytest

from tests.crash.server_process import Connection, ServerProcess, check_findings

KILLS = 4
KILLS_LONG = 100
WRITERS = 4
ACKNOWLEDGED_BEFORE_KILL = (20, 120)


class Ledger:
    """What the server acknowledged: every revision of every document, and a bell after a number of them."""

    def __init__(self) -> None:
        self.revs: dict[str, list[str]] = {}
        self.bodies: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        self._until = 0
        self.enough = threading.Event()

    def expect(self, count: int) -> None:
        """Ring the bell after ``count`` more acknowledgements."""
        with self._lock:
            self._until = count
            self.enough.clear()

    def acknowledged(self, doc_id: str, rev: str, value: int) -> None:
        """The server said 2xx to this revision."""
        with self._lock:
            self.revs.setdefault(doc_id, []).append(rev)
            self.bodies[doc_id, rev] = value
            self._until -= 1
            if self._until <= 0:
                self.enough.set()


class Writer(threading.Thread):
    """Creates, updates and bulk-writes documents of its own until the server is gone."""

    def __init__(self, port: int, ledger: Ledger, seed: int) -> None:
        super().__init__()
        self._connection = Connection(port)
        self._ledger = ledger
        self._random = random.Random(seed)
        self._name = f"w{seed}"
        self._last: dict[str, str] = {}
        self.surprise: str | None = None

    def run(self) -> None:
        try:
            for number in range(100_000):
                if number % 5 == 4:
                    self._bulk(number)
                else:
                    self._single(number)
        except (OSError, http.client.HTTPException):
            return  # the server was killed, which is the point
        except AssertionError as failed:
            self.surprise = str(failed)
        finally:
            self._connection.close()

    def _single(self, number: int) -> None:
        update = bool(self._last) and self._random.random() < 0.5
        doc_id = self._random.choice(list(self._last)) if update else f"{self._name}-{number}"
        body: dict[str, object] = {"value": number}
        if update:
            body["_rev"] = self._last[doc_id]
        status, reply = self._connection.request("PUT", f"/db/{doc_id}", body)
        assert status == 201, f"PUT {doc_id}: {status} {reply}"
        assert isinstance(reply, dict)
        self._keep(doc_id, str(reply["rev"]), number)

    def _bulk(self, number: int) -> None:
        docs = [{"_id": f"{self._name}-{number}-{n}", "value": number} for n in range(10)]
        status, rows = self._connection.request("POST", "/db/_bulk_docs", {"docs": docs})
        assert status == 201, f"_bulk_docs: {status} {rows}"
        assert isinstance(rows, list)
        for row in rows:
            assert row.get("ok"), row
            self._keep(row["id"], row["rev"], number)

    def _keep(self, doc_id: str, rev: str, value: int) -> None:
        self._last[doc_id] = rev
        self._ledger.acknowledged(doc_id, rev, value)


def write_until_killed(server: ServerProcess, ledger: Ledger, seed: int, acknowledgements: int) -> None:
    ledger.expect(acknowledgements)
    writers = [Writer(server.port, ledger, seed * WRITERS + n) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert ledger.enough.wait(60), "the server stopped acknowledging"
    server.kill()
    for writer in writers:
        writer.join(60)
    assert [writer.surprise for writer in writers] == [None] * WRITERS


def assert_everything_is_there(connection: Connection, ledger: Ledger, sample: random.Random) -> None:
    status, missing = connection.request("POST", "/db/_revs_diff", ledger.revs)
    assert (status, missing) == (200, {})
    for doc_id, rev in sample.sample(sorted(ledger.bodies), 20):
        status, reply = connection.request("GET", f"/db/{doc_id}?rev={rev}")
        assert status == 200
        assert isinstance(reply, dict)
        assert reply["value"] == ledger.bodies[doc_id, rev]


@pytest.mark.parametrize("kills", [KILLS, pytest.param(KILLS_LONG, marks=pytest.mark.long)])
def test_acknowledged_writes_survive_sigkill(tmp_path: Path, kills: int) -> None:
    sample = random.Random(kills)
    ledger = Ledger()
    for seed in range(kills):
        with ServerProcess(tmp_path) as server:
            connection = server.connect()
            if seed == 0:
                assert connection.request("PUT", "/db")[0] == 201
            else:
                assert_everything_is_there(connection, ledger, sample)
            connection.close()
            write_until_killed(server, ledger, seed, sample.randint(*ACKNOWLEDGED_BEFORE_KILL))
        if seed % 5 == 0:
            assert check_findings(tmp_path) == []
    with ServerProcess(tmp_path) as server:
        connection = server.connect()
        assert_everything_is_there(connection, ledger, sample)
        connection.close()
    assert check_findings(tmp_path) == []
