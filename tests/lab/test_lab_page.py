"""docs/lab.md says what there is, and its examples work."""

import re
from pathlib import Path

from docstore.lab.runner import run_scenario
from docstore.lab.scenario_file import STEPS, parse_scenario, shipped_scenarios
from tests.cli.running import run

PAGE = (Path(__file__).parents[2] / "docs" / "lab.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_command_prints_what_is_shown(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    [block] = blocks("console")
    command, _, shown = block.removeprefix("$ docstore ").partition("\n")
    said = run(capsys, *command.split())
    assert said.status == 0
    assert without_real_time(said.out) == without_real_time(shown)


def without_real_time(text):
    return re.sub(r"real time: [0-9.]+ s", "real time", text)


async def test_the_scenario_works():
    [text] = blocks("toml")
    assert (await run_scenario(parse_scenario(text))).ok


def test_the_python_example_works(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    [program] = blocks("python")
    exec(compile(program, "lab.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr() == ("1 documents at 95\n", "")
    assert "Two desks" in (tmp_path / "report.html").read_text()


def test_every_step_and_every_scenario_stands_there():
    for name in [*STEPS, *shipped_scenarios()]:
        assert f"`{name}`" in PAGE


def test_every_key_stands_there():
    source = (Path(__file__).parents[2] / "docstore" / "lab" / "scenario_file.py").read_text()
    keys = set(re.findall(r'(?:required|optional)\("(\w+)"', source)) - {"at", "do"}
    assert len(keys) > 25
    assert [key for key in keys if f"`{key}`" not in PAGE] == []
