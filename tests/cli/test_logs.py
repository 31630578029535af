"""What a server logs, and how."""

import io
import json
import logging
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest

from docstore.cli import logs
from docstore.cli.logs import REQUESTS, logging_as
from docstore.config.configuration import Configuration
from docstore.settings import Settings
from tests.cli.running import PROGRAM, URL


@pytest.fixture
def told():
    yield io.StringIO()
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger(REQUESTS).setLevel(logging.NOTSET)


def configured(tmp_path: Path, **words: str) -> Configuration:
    return Configuration(Settings(data=tmp_path), command_line={("log", key): word for key, word in words.items()})


def lines(stream):
    return stream.getvalue().splitlines()


def test_lines_of_text(tmp_path, told):
    with logging_as(configured(tmp_path), told):
        logging.getLogger("docstore.x").info("hello %s", "you\r\nERROR forged\x1b[2J")
        logging.getLogger("docstore.x").debug("not this")
    (line,) = lines(told)
    assert line.endswith("INFO docstore.x: hello you\\x0d\\x0aERROR forged\\x1b[2J")


def test_lines_of_json(tmp_path, told):
    with logging_as(configured(tmp_path, format="json"), told):
        try:
            raise ValueError("oh\nno")
        except ValueError:
            logging.getLogger("docstore.x").exception("it %s", "failed\n")
        logging.getLogger("docstore.x").warning("done", extra={"request": {"id": "abc", "path": "/\udcff"}})
    first, second = map(json.loads, lines(told))
    assert (first["level"], first["logger"], first["message"]) == ("error", "docstore.x", "it failed\n")
    assert first["time"].endswith("Z")
    assert first["exception"].endswith("ValueError: oh\nno")
    assert second["request"] == {"id": "abc", "path": "/\udcff"}


async def test_levels_change_while_it_runs(tmp_path, told):
    configuration = configured(tmp_path, level="error")
    with logging_as(configuration, told):
        logging.getLogger("docstore.x").warning("not this")
        await configuration.set("log", "level", "warn")
        logging.getLogger("docstore.x").warning("this")
        logging.getLogger(REQUESTS).info("not this")
        await configuration.set("log", "level", "info")
        logging.getLogger(REQUESTS).info("nor this")
        await configuration.set("log", "requests", "true")
        logging.getLogger(REQUESTS).info("and this")
        await configuration.set("log", "level", "none")
        logging.getLogger("docstore.x").critical("not this")
    said = [line.rpartition(": ")[2] for line in lines(told)]
    assert [line for line in said if "this" in line] == ["this", "and this"]


def test_a_pipe_that_nobody_reads_holds_up_nobody(tmp_path, monkeypatch, told):
    monkeypatch.setattr(logs, "WAITING", 5)
    monkeypatch.setattr(logs, "STOP_PATIENCE", 0.01)
    stopped, free = threading.Event(), threading.Event()

    class Stuck(io.StringIO):
        def write(self, text):
            stopped.set()
            free.wait(10)
            return super().write(text)

    with logging_as(configured(tmp_path), Stuck()):
        logger = logging.getLogger("docstore.x")
        logger.info("first")
        assert stopped.wait(10)
        for number in range(100):
            logger.info("line %d", number)
    assert not any(isinstance(handler, logs._Waiting) for handler in logging.getLogger().handlers)
    free.set()


def test_what_was_left_out_is_told(tmp_path, monkeypatch, told):
    monkeypatch.setattr(logs, "WAITING", 2)
    with logging_as(configured(tmp_path), told):
        waiting = next(handler for handler in logging.getLogger().handlers if isinstance(handler, logs._Waiting))
        waiting._left_out = 7
        logging.getLogger("docstore.x").info("there is room")
    assert "7 lines could not be written" in lines(told)[0]
    assert "there is room" in lines(told)[1]


def test_a_server_logs_requests_with_their_ids(tmp_path):
    options = ["--port", "0", "--data", tmp_path, "--log-format", "json", "--set", "log/requests=true"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([PROGRAM, "serve", *options], **pipes) as process:
        url = URL.search(process.stdout.readline()).group()
        with urllib.request.urlopen(f"{url}/_up?x=y") as response:
            request_id = response.headers["X-Couch-Request-ID"]
        process.terminate()
        _, err = process.communicate(timeout=20)
    requests = [json.loads(line)["request"] for line in err.splitlines() if '"request"' in line]
    (asked,) = [request for request in requests if request["id"] == request_id]
    assert (asked["method"], asked["path"], asked["status"]) == ("GET", "/_up?x=y", 200)
    assert asked["remote"] == "127.0.0.1"
