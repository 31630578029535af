"""A map that grows, and a store that is closed, under threads that are inside LMDB."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize("growths", [1, pytest.param(6, marks=pytest.mark.long)])
def test_nothing_is_taken_from_a_thread_that_reads(tmp_path, growths):
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.crash.reading_child", str(tmp_path), str(growths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told.pop("reads") > 10
    assert told == {"grown at first": 0, "grown": growths, "closed at first": 0, "left": 0}
