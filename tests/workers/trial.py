"""Functions for workers to call: some that do as they should, and some that do not."""

import itertools
import os
import signal
import time
from pathlib import Path

from docstore.errors import Forbidden, IllegalDatabaseName, MethodNotAllowed, OffsetMismatch

known: dict[str, object] = {}


def echo(value):
    return value


def pid(*_):
    return os.getpid()


def refuse(kind):
    if kind == "words":
        error = Forbidden("not today", error="closed")
        error.details = {"until": ["tomorrow", 5]}
        error.attempt = object()
        raise error
    raise {"method": MethodNotAllowed, "offset": OffsetMismatch, "name": IllegalDatabaseName}[kind](
        {"method": "GET,PUT", "offset": 17, "name": "Ä"}[kind]
    )


def stumble():
    raise ZeroDivisionError("one over none")


def no_data():
    return object()


def write_and_loop(path):
    Path(path).write_text(str(os.getpid()))
    while True:
        pass


def loop_in_c():
    """Never gives the interpreter away, not even for signals of Python's."""
    return sum(itertools.repeat(1))


def write_and_wait(path, until):
    """Say that the work has begun, and do it for as long as there is no file ``until``."""
    Path(path).write_text(str(os.getpid()))
    while not Path(until).exists():
        time.sleep(0.002)
    return os.getpid()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(path):
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def allocate(count):
    return len(b"x" * count)


def keep(count):
    known["kept"] = b"x" * count
    return count


def counted(word):
    known[word] = known.get(word, 0) + 1
    return known[word]


def note(path, word):
    with Path(path).open("a") as file:
        file.write(word + "\n")


def modules():
    import sys

    return sorted(sys.modules)


def open_files():
    entries = list(Path("/proc/self/fd").iterdir())
    return sorted(str(entry.readlink()) for entry in entries if entry.is_symlink())  # not the one that lists them
