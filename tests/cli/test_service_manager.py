"""A server under a service manager: its sockets outlast it, and it says how it fares."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docstore.cli.service_manager import READY, STOPPING, handed_over, notify, reloading

AS_MANAGED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="docstore.socket")
os.execv(sys.executable, [sys.executable, "-m", "docstore", *sys.argv[2:]])
"""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    """What the server is to tell its manager on; waits for half a minute at most."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        yield manager


@contextmanager
def managed(listening: socket.socket, told: socket.socket, data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is ready, as a service manager starts it; it is stopped in the end."""
    command = [sys.executable, "-c", AS_MANAGED, str(listening.fileno()), "serve", "--data", str(data)]
    environment = os.environ | {"NOTIFY_SOCKET": str(told.getsockname())}
    process = subprocess.Popen(
        command, env=environment, pass_fds=[listening.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert told.recv(100) == READY.encode()
        yield process
        process.terminate()
        assert told.recv(100) == STOPPING.encode()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def ask(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers={"Connection": "close"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_restart_refuses_nobody(listening: socket.socket, told: socket.socket, tmp_path: Path) -> None:
    port = listening.getsockname()[1]
    refused: list[OSError] = []
    answers: list[int] = []
    enough = threading.Event()

    def client() -> None:
        while not enough.is_set():
            try:
                answers.append(ask(port, "GET", "/db"))
            except ConnectionRefusedError as error:
                refused.append(error)
                return
            except (OSError, http.client.HTTPException):
                continue  # a connection that the old server had taken, and was told to end

    asking = threading.Thread(target=client)
    try:
        with managed(listening, told, tmp_path / "data"):
            assert ask(port, "PUT", "/db") == 201
            asking.start()
            while not answers:
                assert ask(port, "GET", "/db") == 200
        waiting = socket.create_connection(("127.0.0.1", port), timeout=30)  # nobody serves now
        waiting.sendall(b"GET /db HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        with managed(listening, told, tmp_path / "data"):
            with waiting:
                assert waiting.recv(12) == b"HTTP/1.1 200"
            before = len(answers)
            while len(answers) == before:
                assert ask(port, "GET", "/db") == 200
            enough.set()
            asking.join()  # or it would wait for an answer of nobody
    finally:
        enough.set()
        if asking.is_alive():
            asking.join()
    assert refused == []
    assert set(answers) == {200}


def test_a_reload_is_told(listening: socket.socket, told: socket.socket, tmp_path: Path) -> None:
    with managed(listening, told, tmp_path / "data") as process:
        process.send_signal(signal.SIGHUP)
        assert told.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert told.recv(100) == READY.encode()


def test_without_a_manager_nothing_is_done() -> None:
    environment: dict[str, str] = {}
    assert (handed_over(environment).plain, handed_over(environment).tls) == (None, None)
    notify(environment, READY)
    notify({"NOTIFY_SOCKET": "/no/such/socket"}, READY)
    notify({"NOTIFY_SOCKET": "vsock:2:1"}, READY)
    assert reloading().startswith("RELOADING=1\n")


def test_sockets_for_another_process_are_not_taken() -> None:
    environment = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}
    assert handed_over(environment).plain is None
    assert environment == {}


def test_abstract_sockets_are_told_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0docstore-test-{os.getpid()}")
        manager.settimeout(30)
        notify({"NOTIFY_SOCKET": f"@docstore-test-{os.getpid()}"}, READY)
        assert manager.recv(100) == READY.encode()
