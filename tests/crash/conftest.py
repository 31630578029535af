"""What tests of trouble share: a disk that is soon full."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 6 MiB, not below the folder of pytest, which could not sweep it if this process were killed."""
    disk = Path(tempfile.mkdtemp(prefix="docstore-disk-"))
    try:
        command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root may mount a small disk, and not everywhere")
        try:
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
    finally:
        disk.rmdir()
