"""The command line as tests run it: in this process, or as the program that users start."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from docstore.cli.main import main

PROGRAM = Path(sys.executable).with_name("docstore")
URL = re.compile(r"http://[^\s/]+")
SECONDS_TO_STOP = 20


class Said(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Said:
    """Run a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return Said(ended.value.code, captured.out, captured.err)


def run_program(*arguments: object, stdin: str = "", env: Mapping[str, str] | None = None) -> Said:
    """Run the program to its end."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return Said(done.returncode, done.stdout, done.stderr)


class Serving(NamedTuple):
    """A server that is running as a program."""

    url: str
    process: "subprocess.Popen[str]"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS_TO_STOP)


@contextmanager
def serving(data: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """``docstore serve`` on a free port until the block ends."""
    command = [PROGRAM, "serve", "--port", "0", "--data", data, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
    with process:
        assert process.stdout is not None
        found = URL.search(process.stdout.readline())
        assert found, "the server did not start"
        try:
            yield Serving(found.group(), process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(SECONDS_TO_STOP)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
