"""A script of this folder, run by node."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")
TIMEOUT_SECONDS = 120

needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def run_module(script: str, *arguments: str, given: str = "") -> str:
    """What the script printed. Its failure is the test's."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, str(HERE / script), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{script} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout
