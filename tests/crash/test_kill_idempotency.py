"""SIGKILL under writes with an Idempotency-Key: whoever got no answer asks again, and nothing happens twice."""

import http.client
import json
import random
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from docstore.database.once import AnsweredBefore
from docstore.node import Node
from docstore.settings import Settings
from tests.crash.remembering_child import POINTS, write
from tests.crash.server_process import ServerProcess, check_findings
from tests.storage_findings import storage_findings

KILLS = 2
KILLS_LONG = 60
CLIENTS = 4
ANSWERED_BEFORE_KILL = (10, 60)
BULK = 3
JSON = "application/json"


@dataclass(frozen=True)
class Sent:
    """A request, and the marks of the documents that it makes: each must be there once in the end."""

    key: str
    method: str
    path: str
    body: bytes
    marks: tuple[str, ...]

    def ask(self, connection: http.client.HTTPConnection) -> tuple[int, bool, bytes]:
        """Status, whether it is a replay, and the body."""
        connection.request(
            self.method, self.path, self.body, {"Content-Type": JSON, "Idempotency-Key": f'"{self.key}"'}
        )
        with connection.getresponse() as reply:
            return reply.status, reply.getheader("Idempotency-Replayed") == "true", reply.read()


def request(client: str, number: int) -> Sent:
    """One of four kinds. Two of them would make other documents if they were carried out again."""
    mark = f"{client}-{number}"
    marks = tuple(f"{mark}-{n}" for n in range(BULK))
    bulk = {"docs": [{"mark": one} for one in marks]}
    one = json.dumps({"mark": mark}).encode()
    match number % 4:
        case 0:
            return Sent(mark, "POST", "/db", one, (mark,))
        case 1:
            return Sent(mark, "POST", "/db/_bulk_docs", json.dumps(bulk).encode(), marks)
        case 2:
            return Sent(mark, "PUT", f"/db/{mark}", one, (mark,))
        case _:
            return Sent(mark, "PUT", f"/db/{mark}/name", b"bytes", (mark,))


class Client:
    """Sends one request after the other; the one that got no answer is the first after the restart."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.next = 0
        self.answered: list[tuple[Sent, bytes]] = []
        self.late_replays = 0
        self.surprise = ""

    def run(self, port: int, answered: threading.Semaphore) -> None:
        """Until the server is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while not self.surprise:
                sent = request(self.name, self.next)
                status, replayed, body = sent.ask(connection)
                self.late_replays += replayed
                if status != 201:
                    self.surprise = f"{sent}: {status} {body!r}"
                self.answered.append((sent, body))
                self.next += 1
                answered.release()
        except (OSError, http.client.HTTPException):
            return  # the server was killed, which is the point
        finally:
            connection.close()


def work_until_killed(server: ServerProcess, clients: list[Client], answers: int) -> None:
    answered = threading.Semaphore(0)
    threads = [threading.Thread(target=client.run, args=(server.port, answered)) for client in clients]
    for thread in threads:
        thread.start()
    for _ in range(answers):
        assert answered.acquire(timeout=60), "the server stopped answering"
    server.kill()
    for thread in threads:
        thread.join(60)
    assert [client.surprise for client in clients] == [""] * len(clients)


def assert_everything_is_there_once(server: ServerProcess, clients: list[Client]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/db/_all_docs?include_docs=true")
    rows = json.loads(connection.getresponse().read())["rows"]
    found = [row["doc"].get("mark", row["id"]) for row in rows]
    assert len(found) == len(set(found))
    assert {row["doc"]["_rev"].partition("-")[0] for row in rows} == {"1"}
    certain = {mark for client in clients for sent, _ in client.answered for mark in sent.marks}
    unsure = {mark for client in clients for mark in request(client.name, client.next).marks}
    assert certain <= set(found) <= certain | unsure
    for client in clients:
        for sent, body in random.Random(client.name).sample(client.answered, min(20, len(client.answered))):
            assert sent.ask(connection) == (201, True, body)
    connection.close()


def kill_at(folder: Path, point: str) -> None:
    command = [sys.executable, "-m", "tests.crash.remembering_child", str(folder), point]
    done = subprocess.run(command, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS)
async def test_effect_and_reply_are_there_together_or_not_at_all(tmp_path: Path, point: str) -> None:
    kill_at(tmp_path, point)
    async with Node(Settings(tmp_path)) as node:
        db = node.registry.open("db")
        found = node.remembered.find("db", "", "key")
        if point == "after":
            assert found is not None
            with pytest.raises(AnsweredBefore) as answered:
                await write(node)
            assert answered.value.reply == found.reply
        else:
            assert found is None
            await write(node)
        assert db.update_seq() == 1
        assert db.open_doc("a").rev.generation == 1
        with pytest.raises(AnsweredBefore):
            await write(node)
        assert storage_findings(node) == []


@pytest.mark.parametrize("kills", [KILLS, pytest.param(KILLS_LONG, marks=pytest.mark.long)])
def test_a_write_with_a_key_happens_once_across_sigkill(tmp_path: Path, kills: int) -> None:
    sample = random.Random(kills)
    clients = [Client(f"c{number}") for number in range(CLIENTS)]
    made = Sent("database", "PUT", "/db", b"", ())
    for kill in range(kills):
        with ServerProcess(tmp_path) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            assert made.ask(connection) == (201, kill > 0, b'{"ok":true}\n')
            connection.close()
            if kill:
                assert_everything_is_there_once(server, clients)
            work_until_killed(server, clients, sample.randint(*ANSWERED_BEFORE_KILL))
    assert check_findings(tmp_path) == []
    with ServerProcess(tmp_path) as server:
        assert_everything_is_there_once(server, clients)
    if kills == KILLS_LONG:
        assert sum(client.late_replays for client in clients), "no kill came between an effect and its answer"
