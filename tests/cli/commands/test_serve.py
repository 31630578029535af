"""``docstore serve`` as a program: it starts, says where, guards itself, and stops cleanly."""

import base64
import json
import resource
import signal
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cli.running import run, run_program, serving

PASSWORD = {"DOCSTORE_ADMIN_PASSWORD": "secret"}


def request(
    url: str, method: str = "GET", body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, object]:
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, sent, method=method)) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_cleanly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        assert request(server.url)[0] == 200
        assert request(f"{server.url}/films", "PUT")[0] == 201
        assert request(f"{server.url}/films/alien", "PUT", {"year": 1979})[0] == 201
        assert server.stop(number) == 0
    assert run(capsys, "check", "--data", data).status == 0
    with serving(data) as server:
        status, film = request(f"{server.url}/films/alien")
        assert status == 200
        assert isinstance(film, dict)
        assert film["year"] == 1979


def test_a_running_request_is_finished_before_it_stops(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        request(f"{server.url}/films", "PUT")
        host, _, port = server.url.removeprefix("http://").partition(":")
        body = json.dumps({"year": 1979}).encode()
        head = f"PUT /films/alien HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head + body[:5])
            assert request(server.url)[0] == 200  # by now the server has read the beginning
            stopping = threading.Thread(target=server.process.send_signal, args=(signal.SIGTERM,))
            stopping.start()
            stopping.join()
            connection.sendall(body[5:])
            assert connection.recv(12) == b"HTTP/1.1 201"
        assert server.process.wait(20) == 0
    with serving(tmp_path) as server:
        assert request(f"{server.url}/films/alien")[0] == 200


def test_a_second_server_on_the_same_folder_is_refused_with_the_url(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        said = run_program("serve", "--port", "0", "--data", tmp_path)
        assert said.status == 1
        assert server.url in said.err
        assert said.err.count("\n") == 1
        assert request(server.url)[0] == 200


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with serving(tmp_path / "a") as server:
        port = server.url.rpartition(":")[2]
        said = run_program("serve", "--port", port, "--data", tmp_path / "b")
        assert said.status == 1
        assert said.err.count("\n") == 1
        assert "in use" in said.err


def test_without_an_admin_strangers_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert request(server.url, headers={"Host": "evil.example"})[0] == 403
        foreign = {"Origin": "http://evil.example"}
        assert request(f"{server.url}/films", "PUT", headers=foreign)[0] == 403
        assert request(f"{server.url}/films", "PUT", headers=basic("any", "thing"))[0] == 201


def test_with_an_admin_a_login_is_demanded(tmp_path: Path) -> None:
    with serving(tmp_path, "--admin", "sue", env=PASSWORD) as server:
        assert request(f"{server.url}/films", "PUT")[0] == 401
        assert request(f"{server.url}/films", "PUT", headers=basic("sue", "wrong"))[0] == 401
        assert request(f"{server.url}/films", "PUT", headers=basic("sue", "secret"))[0] == 201
        status, session = request(f"{server.url}/_session", "POST", {"name": "sue", "password": "secret"})
        assert status == 200
        assert session == {"ok": True, "name": "sue", "roles": ["_admin"]}


def test_an_empty_password_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCSTORE_ADMIN_PASSWORD", "")
    assert run(capsys, "serve", "--data", tmp_path, "--admin", "sue").status == 2
    assert not (tmp_path / "docs.mdb").exists()


def test_with_an_admin_it_may_listen_elsewhere(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0", "--admin", "sue", env=PASSWORD) as server:
        port = server.url.rpartition(":")[2]
        assert request(f"http://127.0.0.1:{port}/", headers={"Host": "any.example"})[0] == 200


@pytest.mark.parametrize("options", [["cloudant"], ["cloudant-gen2", "--admin", "sue"]])
def test_as_cloudant_it_demands_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setenv("DOCSTORE_ADMIN_PASSWORD", "secret")
    said = run(capsys, "serve", "--data", tmp_path, "--as", *options)
    assert said.status == 2
    assert "iam_api_keys/NAME=Manager:KEY" in said.err


def test_as_cloudant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path, "--as", "cloudant", "--set", "iam_api_keys/ci=Manager:k3y") as server:
        assert request(f"{server.url}/films", "PUT")[0] == 401
        form = b"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey=k3y"
        asked = urllib.request.Request(f"{server.url}/identity/token", form)
        with urllib.request.urlopen(asked) as reply:
            token = json.load(reply)["access_token"]
        assert request(f"{server.url}/films", "PUT", headers={"Authorization": f"Bearer {token}"})[0] == 201
        shown = run(capsys, "config", "show", "--data", tmp_path, "--set", "iam_api_keys/ci=Manager:k3y")
        assert "k3y" not in shown.out


def test_durability(tmp_path: Path) -> None:
    for durability in ("relaxed", "none"):
        with serving(tmp_path, "--durability", durability) as server:
            assert request(f"{server.url}/{durability}", "PUT")[0] == 201
            assert server.stop() == 0
    with serving(tmp_path) as server:
        assert request(f"{server.url}/relaxed")[0] == 200
        assert request(f"{server.url}/none")[0] == 200


def test_it_answers_soon(tmp_path: Path) -> None:
    """The budget is half a second of a free machine; counted is what the process computes, which nobody else slows."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with serving(tmp_path / "data") as server:
        request(server.url)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 2.0


LIFETIMES = ("--upload-lifetime", "0.5", "--idempotency-lifetime", "0.0000001")


@pytest.mark.parametrize(("arguments", "seconds", "made"), [((), 86_400, 1), (LIFETIMES, 1_800, 2)])
def test_lifetimes(tmp_path: Path, arguments: tuple[str, ...], seconds: int, made: int) -> None:
    with serving(tmp_path, *arguments) as server:
        request(f"{server.url}/films", "PUT")
        asked = urllib.request.Request(f"{server.url}/films/alien/poster", method="OPTIONS")
        with urllib.request.urlopen(asked) as reply:
            assert reply.headers["Upload-Limit"].endswith(f", max-age={seconds}")
        for _ in range(2):
            assert request(f"{server.url}/films", "POST", {"year": 1979}, {"Idempotency-Key": "k"})[0] == 201
        status, info = request(f"{server.url}/films")
        assert status == 200
        assert isinstance(info, dict)
        assert info["doc_count"] == made


def test_the_first_start_makes_the_system_databases(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert request(f"{server.url}/_all_dbs")[1] == ["_global_changes", "_replicator", "_users"]
        request(f"{server.url}/_users", "DELETE")
    with serving(tmp_path, "--set", "docstore/system_databases=") as server:
        assert request(f"{server.url}/_all_dbs")[1] == ["_global_changes", "_replicator"]


def test_a_sighup_reads_the_file_again(tmp_path: Path) -> None:
    file = tmp_path / "docstore.toml"
    file.write_text("[some]\nthing = 1\n[uuids]\nmax_count = 2\n")
    with serving(tmp_path / "data", "--config", str(file)) as server:
        setting = f"{server.url}/_node/_local/_config/some/thing"
        assert request(setting) == (200, "1")
        assert request(f"{server.url}/_uuids?count=3")[0] == 400
        file.write_text("[some]\nthing = 2\n[uuids]\nmax_count = 3\n")
        server.process.send_signal(signal.SIGHUP)
        for _ in range(1_000):
            if request(setting) == (200, "2"):
                break
        assert request(f"{server.url}/_uuids?count=3")[0] == 200
        assert server.stop() == 0
