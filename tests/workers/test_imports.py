"""What a worker loads for its jobs: whoever waits for the first answer waits for that too."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import docstore

SOURCES = Path(docstore.__file__).parent
JOB = re.compile(r'"(docstore(?:\.\w+)+):\w*"')
LEFT_ALONE = (
    "docstore.database",
    "docstore.storage",
    "docstore.httpd",
    "docstore.replication",
    "lmdb",
    "aiohttp",
    "asyncio",
)


def job_modules() -> list[str]:
    """The modules of all jobs that are named anywhere."""
    found = {name for path in SOURCES.rglob("*.py") for name in JOB.findall(path.read_text())}
    return sorted(found - {"docstore.package.module"})


def test_jobs_are_found() -> None:
    assert {"docstore.query.views.mapping", "docstore.query.javascript.calls"} <= set(job_modules())


@pytest.mark.parametrize("module", job_modules())
def test_a_job_loads_nothing_of_the_server(module: str) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert [name for name in LEFT_ALONE if name in loaded] == []
