"""``docstore lab``: shipped scenarios and those of files, what is printed, and the report."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import PROGRAM, run, run_program

SMALL = """
title = "Small"
nodes = ["a", "b"]
duration = "1m"
[[link]]
between = ["a", "b"]
every = "20s"
[[step]]
at = "5s"
do = "write"
node = "a"
doc = "d"
body = { n = 1 }
[[step]]
at = "50s"
do = "expect"
same = true
"""


def scenario(folder: Path, text: str = SMALL) -> Path:
    path = folder / "small.toml"
    path.write_text(text)
    return path


def test_the_list_of_scenarios(capsys):
    said = run(capsys, "lab", "list")
    assert said.status == 0
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "phone_offline_for_a_week",
        "ring_of_five",
        "split_brain",
    ]
    assert said.out.splitlines()[0].endswith("A phone, offline for a week (3 nodes, 1w 2d)")


def test_a_scenario_of_a_file_with_its_report(tmp_path):
    report = tmp_path / "report.html"
    said = run_program("lab", "run", scenario(tmp_path), "--seed", 5, "--report", report)
    assert said.status == 0
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0] == "Small, seed 5"
    assert "00:00:50  the nodes are the same, as expected" in lines
    assert lines[-2:] == ["the same on all 2 nodes: 1 documents, no conflicts", f"report: {report}"]
    assert "edited" not in said.out
    assert report.read_text().startswith("<!doctype html>")


def test_all_events_on_demand(capsys, tmp_path):
    said = run(capsys, "lab", "run", scenario(tmp_path), "--events")
    assert said.status == 0
    assert "00:00:05  a: made d, now 1-" in said.out
    assert "00:00:20  a → b: 1 revision\n" in said.out
    assert "0 revisions" not in said.out


def test_a_kill_is_told_once_and_not_by_the_log(tmp_path):
    killing = SMALL + '[[step]]\nat = "30s"\ndo = "kill"\nnode = "b"\n'
    said = run_program("lab", "run", scenario(tmp_path, killing))
    assert said.status == 0
    assert said.err == ""
    assert said.out.count("killed") == 1


def test_what_is_not_as_expected_is_told_and_is_the_status(capsys, tmp_path):
    said = run(capsys, "lab", "run", scenario(tmp_path, SMALL.replace("same = true", "same = false")))
    assert said.status == 1
    assert "00:00:50  not as expected: the same on all 2 nodes" in said.out


def test_nodes_that_differ_in_the_end_are_the_status(capsys, tmp_path):
    text = SMALL.replace('between = ["a", "b"]', 'from = "b"\nto = "a"').replace("same = true", "same = false")
    refused = run(capsys, "lab", "run", scenario(tmp_path, text))
    assert refused.status == 2
    assert "nothing gets from 'a' to 'b'" in refused.err
    allowed = run(capsys, "lab", "run", scenario(tmp_path, "converges = false\n" + text))
    assert allowed.status == 0
    assert "1 of 1 documents are not the same on all nodes\nd\n  a: 1-" in allowed.out


def test_mistakes_are_one_line(capsys, tmp_path):
    said = run(capsys, "lab", "run", scenario(tmp_path, SMALL.replace('at = "50s"', 'at = "soon"')))
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert "small.toml:15: step 2, at: 'soon' is no length of time" in said.err
    said = run(capsys, "lab", "run", "nothing")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert "split_brain" in said.err
    said = run(capsys, "lab", "run", "split_brain", "--report", tmp_path / "no" / "report.html")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert "there is no folder" in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_behind(tmp_path, number):
    waiting = SMALL.replace('"20s"', '"2h"').replace('"1m"', '"1000w"')
    with subprocess.Popen(
        [PROGRAM, "lab", "run", scenario(tmp_path, waiting)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert any("00:00:50" in line for line in process.stdout)
        assert list(tmp_path.glob("docstore-lab-*"))
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "")
    assert not list(tmp_path.glob("docstore-lab-*"))


def test_a_folder_is_no_scenario(capsys, tmp_path):
    said = run(capsys, "lab", "run", tmp_path)
    assert said.status == 2
    assert "is neither a file nor a scenario of docstore" in said.err
