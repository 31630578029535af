"""docs/uploads.md: its walk with curl runs as it stands, and it names what the server does.

The ``console`` blocks are one session in one shell. Lines that begin with ``$`` are typed; those below each must be
what it prints.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docstore.httpd.uploads.tus import EXTENSIONS
from docstore.httpd.wire.interim import INTEROP_VERSIONS
from docstore.testing import run_node_in_thread

PAGE = (Path(__file__).parent.parent / "docs" / "uploads.md").read_text()
API = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
URL = "http://127.0.0.1:5984"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
MARK = "-- end of what this printed --\n"


def session() -> Iterator[tuple[str, str]]:
    """Each command with what it is said to print."""
    for block in CONSOLE.findall(PAGE):
        for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command = typed[: re.search(r"(?<!\\)\n", typed).end()]
            yield command, typed.removeprefix(command)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_walk_with_curl(tmp_path):
    steps = list(session())
    assert len(steps) > 10
    with run_node_in_thread() as server:
        script = "".join(f"{command}printf '%s' '{MARK}'\n" for command, _ in steps).replace(URL, server.url)
        done = subprocess.run(["sh", "-eu"], input=script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    printed = done.stdout.split(MARK)
    for (command, expected), real in zip(steps, printed, strict=False):
        assert real == expected, command
    assert len(printed) == len(steps) + 1


def test_the_draft_and_its_interop_version_are_named():
    newest = f"-13, interop version {max(INTEROP_VERSIONS)}"
    assert newest in PAGE
    assert newest in API
    assert ", ".join(f"`{extension}`" for extension in EXTENSIONS.split(",")) in PAGE
