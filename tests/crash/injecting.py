"""System calls that fail: whether strace can make them here, and a process that is running made to meet them."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def can_inject() -> bool:
    """Whether strace is here, may trace, and can make system calls fail."""
    strace = shutil.which("strace")
    probe = ["strace", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"]
    return strace is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0


needs_injection = pytest.mark.skipif(not can_inject(), reason="strace is missing or may not trace here")


@contextmanager
def failing(pid: int, calls: str, error: str, *, only: Path | None = None) -> Iterator[None]:
    """Let these calls of all threads of a process fail, as long as it lasts; ``only``: on this file."""
    command = ["strace", "-f", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={calls}"]
    command += [] if only is None else ["-P", str(only)]
    with subprocess.Popen(
        [*command, "-e", f"inject={calls}:error={error}"], stderr=subprocess.PIPE, text=True
    ) as trace:
        try:
            assert trace.stderr is not None
            told = trace.stderr.readline()
            assert "attached" in told, told
            yield
        finally:
            trace.send_signal(signal.SIGINT)
            trace.communicate()
