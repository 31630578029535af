"""Damages copies of a store, and lets ``check`` and ``serve`` loose on each, in a process of its own.

    python -m tests.crash.damage_child FOLDER WORKSPACE SEED COUNT check|serve

Prints one line of JSON for each case: what was done to the copy, how the command ended (its status, or minus the number
of the signal that ended it), and what it said. The commands run in forks of this process, which has loaded them. A
server that started is asked a few things and told to stop.
"""

import json
import os
import random
import re
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path

from docstore.cli.commands import check, serve  # so that forks need not load them
from docstore.cli.main import main
from docstore.storage.engine.data_file import DATA_FILE

LOADED = (check, serve)
PAGE = 4096
URL = re.compile(rb"http://127\.0\.0\.1:(\d+)/\n")
PATHS = ("/_all_dbs", "/db", "/db/_all_docs?include_docs=true", "/db/_changes?style=all_docs", "/db/d1", "/db/d2/a")


def damage(file: Path, dice: random.Random) -> str:
    """Do something bad to a file; what."""
    data = bytearray(file.read_bytes())
    page = dice.randrange(len(data) // PAGE)
    place = page * PAGE + (dice.randrange(PAGE) if dice.random() < 0.5 else dice.randrange(200))
    match dice.randrange(7):
        case 0:
            said = f"bit flipped in byte {place}"
            data[place] ^= 1 << dice.randrange(8)
        case 1:
            said = f"byte {place} is 255"
            data[place] = 255
        case 2:
            said = f"page {page} is zero"
            data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
        case 3:
            size = dice.choice([1, 2, 8, 48, 512, 3 * PAGE])
            said = f"{size} bytes from {place} are zero"
            data[place : place + size] = bytes(min(size, len(data) - place))
        case 4:
            size = dice.choice([2, 8, 48, 512])
            said = f"{size} bytes from {place} are random"
            data[place : place + size] = dice.randbytes(min(size, len(data) - place))
        case 5:
            size = dice.choice([0, 1, PAGE, 2 * PAGE, page * PAGE, place])
            said = f"cut off at {size}"
            del data[size:]
        case _:
            other = dice.randrange(len(data) // PAGE)
            said = f"page {page} is a copy of {other}"
            data[page * PAGE : (page + 1) * PAGE] = data[other * PAGE : (other + 1) * PAGE]
    file.write_bytes(data)
    return said


def run(arguments: Sequence[str], meanwhile: Callable[[int, int], bytes]) -> tuple[int, str]:
    """Run a command in a fork; how it ended, and all that it said. ``meanwhile`` is given its output and its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.close(reader)
        os.close(writer)
        try:
            main(arguments)
        except SystemExit as ended:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended.code if isinstance(ended.code, int) else 1)
        finally:
            os._exit(99)
    os.close(writer)
    said = meanwhile(reader, pid)
    os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode(errors="replace")


def read_all(reader: int, _pid: int) -> bytes:
    said = b""
    while piece := os.read(reader, 1 << 16):
        said += piece
    return said


def ask(reader: int, pid: int) -> bytes:
    """Ask a server that has started, and stop it."""
    said = b""
    while piece := os.read(reader, 1 << 16):
        said += piece
        if found := URL.search(said):
            for path in PATHS:
                http = HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
                try:
                    http.request("GET", path)
                    http.getresponse().read()
                except OSError as error:
                    said += f"{path}: {error!r}\n".encode()
                finally:
                    http.close()
            os.kill(pid, signal.SIGTERM)
            return said + read_all(reader, pid)
    return said


def main_of_child(folder: Path, workspace: Path, seed: int, count: int, command: str) -> None:
    dice = random.Random(seed)
    for case in range(count):
        copy = workspace / f"{command}{case}"
        shutil.copytree(folder, copy)
        what = damage(copy / DATA_FILE, dice)
        if command == "serve":
            status, said = run(["serve", "--port", "0", "--data", str(copy)], ask)
        else:
            status, said = run(["check", "--data", str(copy)], read_all)
        print(json.dumps({"case": case, "what": what, "status": status, "said": said}), flush=True)
        shutil.rmtree(copy)


if __name__ == "__main__":
    main_of_child(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
