"""``docstore testserver``: what it tells, what it takes, and that it never outlives whoever started it."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from docstore.double import folders
from docstore.double.parent import parent_gone
from docstore.storage.engine.folder_lock import FolderLock
from tests.cli.running import PROGRAM, run

SECONDS_TO_STOP = 20
FAULT = {"action": {"type": "answer", "status": 503}, "match": {"method": "PUT"}, "times": 1, "id": "first"}


@contextmanager
def running(*arguments: str) -> Iterator[dict[str, Any]]:
    command = [PROGRAM, "testserver", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            assert process.wait(SECONDS_TO_STOP) == 0


def ask(url: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_it_tells_where_it_is_misbehaves_and_leaves_nothing(tmp_path: Path) -> None:
    ready, rules = tmp_path / "ready", tmp_path / "rules.json"
    rules.write_text(json.dumps([{"action": "drop", "match": {"method": "COPY"}}]))
    arguments = ["--ready-file", str(ready), "--fault", json.dumps(FAULT), "--fault", f"@{rules}", "--seed", "7"]
    with running(*arguments, "--database", "films") as told:
        assert json.loads(ready.read_text()) == told
        assert (told["as"], told["seed"], told["admin"]) == ("couchdb", 7, None)
        url = told["url"]
        assert ask(f"{url}/films/alien", "PUT", {})[0] == 503
        assert ask(f"{url}/films/alien", "PUT", {})[0] == 201
        shown = ask(f"{told['control']}faults")[1]
        assert [(fault["id"], fault["hits"]) for fault in shown["faults"]] == [("first", 1), ("fault-1", 0)]
        assert ask(f"{told['control']}requests?method=PUT")[1]["total"] == 2
        found = list(folders.IN_MEMORY.glob(f"{folders.PREFIX}{told['pid']}-*"))
    assert not ready.exists()
    assert not any(folder.exists() for folder in found)


def test_data_are_there_at_once_and_a_reset_goes_back_to_them(tmp_path: Path) -> None:
    folder, state = tmp_path / "films", tmp_path / "state"
    (folder / "alien").mkdir(parents=True)
    (folder / "alien.json").write_text('{"year":1979}')
    (folder / "alien" / "poster.png").write_bytes(b"png")
    with running("--load", f"films={folder}", "--database", "people") as told:
        url, control = told["url"], told["control"]
        assert ask(f"{url}/films/alien")[1]["_attachments"]["poster.png"]["length"] == 3
        assert ask(f"{url}/films/brazil", "PUT", {})[0] == 201
        assert ask(f"{control}reset", "POST") == (201, {"ok": True})
        assert ask(f"{url}/films/brazil")[0] == 404
        packed = ask(f"{control}snapshots/beginning?data=true")[1]["data"]
    state.write_bytes(base64.b64decode(packed))
    with running("--state", str(state)) as told:
        assert ask(f"{told['url']}/films/alien")[1]["year"] == 1979
        assert ask(f"{told['url']}/people")[0] == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--load", "films"], "is not DB=PATH"),
        (["--load", "films=nowhere.json"], "nowhere.json"),
        (["--load", f"UPPER={__file__}"], "test_testserver.py"),
        (["--state", __file__], "no saved state"),
    ],
)
def test_data_that_cannot_be_read_are_told(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    failed = run(capsys, "testserver", *arguments)
    assert failed.status != 0
    assert said in failed.err


def test_an_admin_is_asked_for_a_password() -> None:
    with running("--admin", "sue:secret") as told:
        assert told["admin"] == "sue"
        assert ask(f"{told['url']}/films", "PUT")[0] == 401


def test_data_may_stay(tmp_path: Path) -> None:
    for expected in (201, 412):
        with running("--data", str(tmp_path)) as told:
            assert ask(f"{told['url']}/films", "PUT")[0] == expected


START = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), flush=True)
time.sleep(600)
"""


def test_it_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START, PROGRAM, "testserver", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    asyncio.run(asyncio.wait_for(parent_gone(told["pid"]), SECONDS_TO_STOP))
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(told["url"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "{"], "--fault"),
        (["--fault", '{"action": "explode"}'], "Invalid value 'explode'"),
        (["--fault", '{"action": "drop", "matches": {}}'], "unknown field `matches`"),
        (["--fault", "@/nowhere"], "No such file"),
        (["--as", "dynamodb"], "'dynamodb' is not"),
        (["--host", "0.0.0.0"], "needs --admin"),
        (["--admin", "sue"], "needs NAME:PASSWORD"),
    ],
)
def test_what_cannot_be_is_refused(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    said = run(capsys, "testserver", *arguments)
    assert said.status == 2
    assert words in said.err


def test_folders_of_the_dead_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "IN_MEMORY", tmp_path)
    monkeypatch.setattr(folders, "ENOUGH", 0)
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    gone, held, new = (tmp_path / f"{folders.PREFIX}{dead.pid}-{name}" for name in ("gone", "held", "new"))
    others = tmp_path / "others"
    for folder in (gone, held, new, others):
        folder.mkdir()
        (folder / "data.mdb").touch()
    lock = FolderLock(held, "a server in another container")
    for folder in (gone, held, others):
        os.utime(folder, (0, 0))
    folders.remove_leftovers.cache_clear()
    with folders.temporary_folder() as own:
        assert not gone.exists()
        assert all(folder.is_dir() for folder in (held, new, others, own))
    assert not own.exists()
    lock.release()
