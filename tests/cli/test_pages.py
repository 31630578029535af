"""The commands that docs/backup.md and docs/replication.md show print what is shown."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from docstore.testing import run_node_in_thread
from tests.cli.running import run

DOCS = Path(__file__).parents[2] / "docs"
SHOWN_URL = "http://127.0.0.1:5984"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("page", ["backup.md", "replication.md"])
def test_the_commands_print_what_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```console\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    steps = re.findall(r"^\$ (.*)\n([^$]*)", "".join(blocks), re.MULTILINE)
    assert len(steps) >= 2
    with run_node_in_thread() as server:
        assert run(capsys, "load", f"{server.url}/films", DOCS / "quickstart" / "elements.json").status == 0
        for command, shown in steps:
            program, *arguments = shlex.split(command.replace(SHOWN_URL, server.url))
            if program == "docstore":
                said = run(capsys, *arguments)
                assert (said.status, said.out, said.err) == (0, shown, ""), command
            else:
                done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
                assert done.stdout == shown, command
