"""No file descriptor is left: whoever connects is turned away, the others are served, and it passes."""

import os
import resource
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.crash.server_process import ServerProcess

CLIENTS = 50
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def answer_of(client: socket.socket) -> bytes:
    """What comes back; nothing where the server hangs up."""
    try:
        client.sendall(REQUEST)
        return client.recv(4096)
    except (ConnectionResetError, BrokenPipeError):
        return b""


def worked(server: ServerProcess) -> float:
    """Seconds of the processor's time that the process has taken."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def files_of(server: ServerProcess) -> int:
    return 1 + max(int(one.name) for one in Path(f"/proc/{server.pid}/fd").iterdir())


def test_no_file_is_left_for_a_connection(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        kept = server.connect()
        assert kept.request("PUT", "/db")[0] == 201
        limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        server.limit(resource.RLIMIT_NOFILE, (files_of(server), limits[1]))
        before = worked(server)
        clients = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(CLIENTS)]
        assert {answer_of(client) for client in clients} == {b""}
        for number in range(20):
            assert kept.request("PUT", f"/db/{number}", {"v": number})[0] == 201
            assert kept.request("GET", f"/db/{number}")[0] == 200
        assert worked(server) - before < 2.0
        server.limit(resource.RLIMIT_NOFILE, limits)
        again = server.connect()
        assert again.request("GET", "/db/0")[0] == 200
        for client in clients:
            client.close()
        again.close()
        kept.close()


def test_a_limit_below_what_is_open(tmp_path: Path) -> None:
    """Who connects waits, and nobody asks in vain whether he can be accepted: the sockets are not watched meanwhile."""
    with ServerProcess(tmp_path / "data") as server:
        kept = server.connect()
        assert kept.request("GET", "/")[0] == 200
        limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        watching = listening_sockets(server)
        server.limit(resource.RLIMIT_NOFILE, (5, limits[1]))
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            for _ in range(20_000):
                assert kept.request("GET", "/")[0] == 200
                if listening_sockets(server) < watching:
                    break
            else:
                raise AssertionError("they are watched on")
            server.limit(resource.RLIMIT_NOFILE, limits)
            assert b" 200 " in answer_of(client)
        kept.close()


def listening_sockets(server: ServerProcess) -> int:
    """How many file descriptors of sockets it has that listen: those that are watched, and their doubles."""
    folder = Path(f"/proc/{server.pid}")
    listening = {line.split()[9] for line in (folder / "net/tcp").read_text().splitlines()[1:] if " 0A " in line}
    found = 0
    for one in (folder / "fd").iterdir():
        with suppress(FileNotFoundError):
            found += str(one.readlink()).removeprefix("socket:[").removesuffix("]") in listening
    return found


@pytest.mark.parametrize("free", [3, 40])
def test_few_files_are_fewer_clients(tmp_path: Path, free: int) -> None:
    """Of those that the system grants, some are not for clients; who is one too many is told so."""
    granted = 128 + free
    with ServerProcess(tmp_path / "data", files=granted) as server:
        address = ("127.0.0.1", server.port)
        clients = [socket.create_connection(address, timeout=30) for _ in range(free)]
        answers = [answer_of(client) for client in clients]
        assert all(b" 200 " in answer for answer in answers)
        for _ in range(20):
            with socket.create_connection(address, timeout=30) as refused:
                told = refused.recv(4096)  # who sends a request too may lose the answer to it
            assert told.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 1" in told
        for client in clients:
            client.close()
