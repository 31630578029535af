"""What the documents promise: the quick start runs as it stands, links lead somewhere, commands and versions exist.

The quick start is the ``console`` blocks of README.md. Their lines that begin with ``$`` are typed into a shell at the
top of the project, one after another; the lines below each must be what it prints.
"""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from docstore import __version__
from docstore.cli.main import COMMANDS
from docstore.config.table import TABLE
from docstore.testing import run_node_in_thread
from tests.cli.running import PROGRAM

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
QUICK_START_URL = "http://127.0.0.1:5984"
QUICK_START_PROGRAM = ".venv/bin/docstore"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")


def quick_start() -> Iterator[tuple[str, str]]:
    """Each command with what it is said to print."""
    for block in CONSOLE.findall(README.read_text()):
        command, printed = "", ""
        for line in block.splitlines(keepends=True):
            if line.startswith("$ "):
                if command:
                    yield command, printed
                command, printed = line[2:], ""
            elif command.endswith("\\\n"):
                command += line
            else:
                printed += line
        yield command, printed


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_quick_start_as_it_stands() -> None:
    commands = list(quick_start())
    assert len(commands) > 5
    with run_node_in_thread() as server:
        for command, printed in commands:
            typed = command.replace(QUICK_START_URL, server.url).replace(QUICK_START_PROGRAM, str(PROGRAM))
            done = subprocess.run(["sh", "-c", typed], cwd=ROOT, capture_output=True, text=True, check=True)
            assert done.stdout.replace(server.url, QUICK_START_URL) == printed, command


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_that_are_named_exist(document: Path) -> None:
    text = document.read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"[`$] ?make ([a-z-]+)", text):
        assert f"\n{target}:" in makefile, target
    for command in re.findall(r"(?:`|bin/|\$ |^    )docstore ([a-z]+)", text, re.MULTILINE):
        assert command in COMMANDS, command


def test_every_command_is_in_the_list_of_commands() -> None:
    listed = set(re.findall(r"`docstore ([a-z]+)[^`]*`", README.read_text().partition("## The command line")[2]))
    assert listed == set(COMMANDS)


def test_every_document_is_in_the_list_of_documents() -> None:
    listed = re.findall(r"^\* \[(docs/\w+\.md)\]", README.read_text(), re.MULTILINE)
    assert sorted(listed) == [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md"))]


def test_files_that_are_named_exist() -> None:
    for document in DOCUMENTS:
        for path in re.findall(r"`((?:docstore|tests|docs|bench)/[\w./-]+)`", document.read_text()):
            is_there = (ROOT / path).exists() or (ROOT / "docstore" / path).exists()
            assert is_there or tuple(path.split("/")) in TABLE, f"{document.name} names {path}"


def test_the_changelog_tells_of_this_version() -> None:
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_dependency_has_its_line_of_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docs" / "architecture.md").read_text()
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=]", requirement)[0]
        assert f"\n| {name} | " in text, name
    for requirement in project["optional-dependencies"]["dev"]:
        name = re.split(r"[<>=]", requirement)[0]
        assert name in text, name


def test_the_glossary_is_in_order() -> None:
    entries = re.findall(r"^\*\*(.+?)\*\*", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert entries == sorted(entries, key=str.casefold)
    assert len(entries) > 20


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "deploy" / "docstore.service").read_text()
    program = re.search(r"^ExecStart=(\S+) (.*)$", text, re.MULTILINE)
    assert program is not None
    unit = tmp_path / "docstore.service"
    unit.write_text(text.replace(program[1], str(PROGRAM)))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
