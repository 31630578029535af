"""A query server as a process: lines, bounds, and whatever can be wrong with a program."""

import os
import sys

import pytest

from docstore.errors import DocstoreError, NotFound
from docstore.query.errors import FunctionFailed
from docstore.query.servers.process import QueryServer
from docstore.settings import KIB, MIB, FunctionSettings
from tests.query.servers.programs import misbehaving

LIMITS = FunctionSettings(time=0.5, line=100 * KIB, log=1 * KIB)
PATIENT = FunctionSettings(time=20.0, line=100 * KIB, log=1 * KIB)


def ask(odd: str, limits: FunctionSettings = PATIENT, line: bytes = b'["x"]') -> object:
    server = QueryServer(misbehaving(odd), limits)
    try:
        return server.ask(line)
    finally:
        server.end()


def failure(odd: str, limits: FunctionSettings = PATIENT, line: bytes = b'["x"]') -> tuple[str, str]:
    with pytest.raises(FunctionFailed) as raised:
        ask(odd, limits, line)
    return raised.value.error, str(raised.value.reason)


def test_lines_go_there_and_back() -> None:
    assert ask("say({'n': [1, 2.5, command]})", line=b'["\xc3\xa4"]') == {"n": [1, 2.5, ["ä"]]}
    assert ask("say(len(line))", line=b'["%b"]' % (b"x" * MIB)) == MIB + len('[""]\n')


def test_half_a_pair_is_a_replacement_character() -> None:
    assert ask(r"""say('"\\ud800x"\n')""") == "\ufffdx"


def test_the_errors_that_a_program_names() -> None:
    server = QueryServer(misbehaving("say(command)"), PATIENT)
    with pytest.raises(NotFound):
        server.ask(b'["error", "not_found", "no"]')
    assert server.usable()
    with pytest.raises(FunctionFailed) as raised:
        server.ask(b'["fatal", "odd", "so"]')
    assert (raised.value.error, raised.value.reason, server.usable()) == ("odd", "so", False)
    with pytest.raises(FunctionFailed, match="has ended"):
        server.ask(b'["x"]')


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ("time.sleep(60)", "OS process timed out."),
        ("os._exit(3)", "{exit_status,3}"),
        ("os.kill(os.getpid(), 9)", "{exit_status,137}"),
        ("os.close(1)\n    time.sleep(60)", "The query server closed its output."),
        ("say('{no\\n')", "The query server said what is no JSON: {no"),
        ("say('[' * 9999 + '\\n')", "The query server said what is no JSON: [["),
        ("sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.flush()", "The query server said what is no JSON: "),
        ("\n    while True: say('x' * 9999)", "(line: 102400 bytes)"),
        ("\n    while True: say(['log', 'again'])", "OS process timed out."),
    ],
)
def test_a_program_that_does_wrong_is_ended(odd: str, reason: str) -> None:
    limits = LIMITS if reason == "OS process timed out." else PATIENT
    error, told = failure(odd, limits)
    assert error == "os_process_error"
    assert reason in told


def test_a_program_that_does_not_read(tmp_path) -> None:
    program = (sys.executable, "-S", "-c", "import time; time.sleep(60)")
    server = QueryServer(program, LIMITS)
    with pytest.raises(FunctionFailed, match="timed out"):
        server.ask(b"[%b]" % (b"1," * MIB + b"1"))
    assert server.ended


def test_a_program_that_cannot_be_started() -> None:
    with pytest.raises(FunctionFailed, match=r"cannot be started.*No such file"):
        QueryServer(("/nowhere/at/all",), LIMITS)


def test_the_log_is_bounded() -> None:
    server = QueryServer(misbehaving("[say(['log', 'a' * 300]) for _ in range(99)]; say(1)"), PATIENT)
    assert server.ask(b'["x"]') == 1
    assert sum(map(len, server.take_log())) <= 2 * LIMITS.log
    assert server.take_log() == []
    server.end()


def test_what_goes_to_standard_error_is_logged() -> None:
    server = QueryServer(misbehaving("sys.stderr.write('a\\nwhy\\n'); sys.stderr.flush(); os._exit(1)"), PATIENT)
    with pytest.raises(DocstoreError):
        server.ask(b'["x"]')
    assert server.take_log() == ["a", "why"]


def test_what_nobody_asked_for_ends_a_program() -> None:
    server = QueryServer(misbehaving("say(1); say(2)"), PATIENT)
    assert server.ask(b'["x"]') == 1
    while server.usable():
        os.sched_yield()
    assert server.ended


def test_a_program_has_no_open_files_but_its_three(tmp_path) -> None:
    held = os.open(tmp_path / "store", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(held, True)
    try:
        found = ask("say(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])")
    finally:
        os.close(held)
    assert found == [0, 1, 2]


def test_a_program_has_a_limit_of_memory() -> None:
    limits = FunctionSettings(time=20.0, server_memory=256 * MIB)
    error, _ = failure("x = 'x' * (1 << 30)", limits)
    assert error == "os_process_error"
