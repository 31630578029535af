"""Lines of functions in the server's log: some of a second, the others counted."""

import logging

import pytest

from docstore.errors import NotFound
from docstore.query.function_log import MOST_NAMES, FunctionLog
from docstore.settings import FunctionSettings

LIMITS = FunctionSettings(log_lines=3)


def test_the_first_of_a_second_are_told_and_the_others_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "docstore.functions")
    now = [0.0]
    told = FunctionLog(lambda: now[0])
    told.tell("db/_design/x", [f"line {number}" for number in range(100)], LIMITS)
    told.tell("db/_design/y", ["its own"], LIMITS)
    assert caplog.messages == [*(f"db/_design/x: line {number}" for number in range(3)), "db/_design/y: its own"]
    now[0] = 1.5
    told.tell_failure("db/_design/x", NotFound("gone " * 999), LIMITS)
    assert caplog.messages[4] == "db/_design/x: 97 lines more"
    assert caplog.messages[5].startswith("db/_design/x: not_found: gone gone")
    assert len(caplog.messages[5]) < 600
    assert caplog.records[5].levelno == logging.WARNING


def test_names_are_bounded() -> None:
    told = FunctionLog(lambda: 0.0)
    for number in range(MOST_NAMES + 10):
        told.tell(str(number), ["a"], FunctionSettings(log_lines=0))
    assert len(told._names) == MOST_NAMES
