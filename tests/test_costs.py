"""What a test's processes take is told as its cost."""

import re
import subprocess
import sys
from pathlib import Path

BURNING = """
import subprocess, sys

def test_dear():
    subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"], check=True)

def test_cheap():
    pass
"""


def test_the_dearest_is_told_first(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(BURNING)
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "tests.costs", "-p", "no:cacheprovider"]
    command = [*pytest_here, "--rootdir", str(tmp_path), str(tmp_path)]
    root = Path(__file__).parents[1]  # where tests.costs is found
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    dear, cheap = re.findall(r"(\d+\.\d+)  test_two\.py::(\w+)", done.stdout)
    assert dear[1] == "test_dear"
    assert float(dear[0]) >= 0.3 > float(cheap[0])
