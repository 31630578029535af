"""docs/testing.md: every file that it shows is run as it stands."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from docstore.double.stage.paths import add_paths
from docstore.double.surface import Surface
from docstore.settings import GIB, MAX_SNAPSHOT_BYTES, MAX_SNAPSHOTS
from docstore.testing import TestNode

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text()
BLOCK = re.compile(r"```(python|js|json|sh)\n(?:#|//) (\S+)\n(.*?)```", re.DOTALL)
FILES: Mapping[str, str] = {name: text for _, name, text in BLOCK.findall(PAGE)}
MODULES = ROOT / "tests" / "clients" / "node_modules"
NODE = shutil.which("node")
SECONDS = 120
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def write(folder: Path) -> None:
    for name, text in FILES.items():
        (folder / name).write_text(text)


def test_every_block_is_a_file_that_is_run() -> None:
    assert PAGE.count("```") == 2 * len(BLOCK.findall(PAGE)) == 2 * len(FILES)
    run = {"example.sh", "docstore.mjs", "films.json", "jest.config.mjs"}
    assert {
        name for name in FILES if not name.startswith("test_") and not name.endswith((".test.mjs", ".jest.mjs"))
    } == run


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("test_")])
def test_python(pytester: pytest.Pytester, name: str) -> None:
    for needed in ("requests", "ibmcloudant"):
        if needed in FILES[name] or "cloudant" in FILES[name]:
            pytest.importorskip(needed)
    pytester.makeini(INI)
    write(pytester.path)
    result = pytester.runpytest("-p", "no:cacheprovider", name)
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}, result.stdout.str()


@pytest.mark.clients
@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.skipif(not (MODULES / "pouchdb-node").is_dir(), reason="npm packages are not installed")
@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".test.mjs")])
def test_node(tmp_path: Path, name: str) -> None:
    if "@ibm-cloud" in FILES[name] and not (MODULES / "@ibm-cloud" / "cloudant").is_dir():
        pytest.skip("IBM's SDK for Node.js is not installed")
    write(tmp_path)
    (tmp_path / "node_modules").symlink_to(MODULES)
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--test", name],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE)


@pytest.mark.clients
@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.skipif(not (MODULES / ".bin" / "jest").exists(), reason="Jest is not among the npm packages")
def test_jest(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "node_modules").symlink_to(MODULES)
    modules = {**environment(), "NODE_OPTIONS": "--experimental-vm-modules"}
    command = [str(MODULES / ".bin" / "jest"), "--ci", "--cacheDirectory", str(tmp_path / "cache")]
    done = subprocess.run(
        command, cwd=tmp_path, env=modules, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Tests: +1 passed, 1 total", done.stderr, re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_shell(tmp_path: Path) -> None:
    write(tmp_path)
    done = subprocess.run(
        ["sh", "-eu", "example.sh"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no answer" in done.stdout
    assert '"_id":"chinatown"' in done.stdout
    assert '"outcome":"dropped"' in done.stdout


async def test_every_path_of_the_stage_is_named(server: TestNode) -> None:
    surface = Surface(server.faults, server.journal)
    before = set(surface.paths)
    add_paths(surface, server.stage)
    added = set(surface.paths) - before
    assert added == set(re.findall(r"^\| `/_docstore/(\w+)` \|", PAGE, re.MULTILINE))


def test_the_limits_are_those_of_the_settings() -> None:
    assert f"at most {MAX_SNAPSHOTS:,} snapshots of {MAX_SNAPSHOT_BYTES // GIB} GiB together" in PAGE
