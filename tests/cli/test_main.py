"""The entry point: help, version, and one clear line for every bad argument."""

import subprocess
import sys
from pathlib import Path

import pytest

from docstore import __version__
from docstore.cli.main import COMMANDS
from tests.cli.running import run, run_program


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"docstore {__version__}\n", "")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "--help")
    assert said.status == 0
    assert all(f"  {name} " in said.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    said = run(capsys, name, "--help")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"Usage: docstore {name}")


def test_without_a_command_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys)
    assert said.status == 2
    assert "Commands:" in said.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "No such command 'nope'"),
        (["--nope"], "No such option"),
        (["serve", "--nope"], "No such option"),
        (["serve", "extra"], "unexpected extra argument"),
        (["serve", "--port", "x"], "--port"),
        (["serve", "--port", "65536"], "--port"),
        (["serve", "--durability", "some"], "--durability"),
        (["serve", "--log-level", "loud"], "--log-level"),
        (["serve", "--host", "0.0.0.0"], "needs --admin"),
        (["serve", "--admin", "sue"], "DOCSTORE_ADMIN_PASSWORD"),
        (["load"], "Missing argument 'TARGET'"),
        (["load", "films"], "Missing argument 'FILE...'"),
        (["load", "films", "{file}"], "needs --data DIR"),
        (["load", "films", "/no/such/file", "--data", "{folder}"], "does not exist"),
        (["load", "http://host/films", "{file}", "--data", "{folder}"], "not with a URL"),
        (["load", "http://host", "{file}"], "one database"),
        (["load", "films", "{file}", "--data", "{folder}", "--batch", "0"], "--batch"),
        (["load", "films", "{file}", "--data", "{folder}", "--format", "xml"], "--format"),
        (["load", "films", "{file}", "--data", "{file}"], "--data"),
        (["check"], "--data"),
        (["check", "--data", "/no/such/folder"], "does not exist"),
        (["check", "--data", "{folder}"], "no store"),
        (["compact"], "--data"),
        (["compact", "--data", "/no/such/folder"], "does not exist"),
        (["compact", "--data", "{folder}"], "no store"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCSTORE_ADMIN_PASSWORD", raising=False)
    file, folder = tmp_path / "file.json", tmp_path / "folder"
    file.write_text("[]")
    folder.mkdir()
    said = run(capsys, *(argument.format(file=file, folder=folder) for argument in arguments))
    assert said.status == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert says in said.err
    assert said.err.startswith("docstore")


def test_the_program_and_the_module_are_the_same() -> None:
    module = subprocess.run([sys.executable, "-m", "docstore", "--version"], capture_output=True, text=True, check=True)
    assert module.stdout == run_program("--version").out
