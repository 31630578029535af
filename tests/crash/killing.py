"""A server that is killed while somebody waits for its answer, and the database beside it."""

import http.client
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.crash.server_process import Connection, ServerProcess


class AskedDatabase:
    """The database ``db``, as whoever wrote it and asks it. ``http`` is the connection to the server of the moment."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.http: Connection

    def ask(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self.http.request(method, f"/db{path}", body)
        assert status < 300, (method, path, status, answer)
        return answer

    def documents(self, options: str = "") -> list[dict[str, Any]]:
        """All but design documents."""
        rows = self.ask("GET", f"/_all_docs?include_docs=true{options}")["rows"]
        return [row["doc"] for row in rows if not row["id"].startswith("_")]


def kill_while_asked(
    server: ServerProcess, method: str, path: str, body: object, looks: int, seen: Callable[[], bool]
) -> bool:
    """Let somebody ask, and kill the server when ``seen`` was true so often; whether the answer was still to come."""
    connection = server.connect()
    told: list[object] = []

    def wait() -> None:
        with suppress(OSError, http.client.HTTPException):  # killed, as it should be
            told.append(connection.request(method, path, body))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not told and looks:
        looks -= seen()
    server.kill()
    waiting.join(60)
    connection.close()
    return not told
