"""How the data file is opened: durability flags, and address space that the system does not grant."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from docstore.errors import StoreUnusable
from docstore.settings import Durability, StorageSettings
from docstore.storage.engine.data_file import lock_for_reading, lock_for_replacing, open_data_file


@pytest.mark.parametrize(
    ("durability", "metasync", "sync"),
    [(Durability.FSYNC, True, True), (Durability.RELAXED, False, True), (Durability.NONE, False, False)],
)
def test_durability_is_lmdbs_own_flags(tmp_path: Path, durability: Durability, metasync: bool, sync: bool) -> None:
    with open_data_file(tmp_path / "file", StorageSettings(durability=durability), read_only=False) as opened:
        flags = opened.flags()
    assert (flags["metasync"], flags["sync"], flags["writemap"], flags["map_async"]) == (metasync, sync, False, False)


LIMITED = """
import logging, resource, sys
from pathlib import Path
from docstore.errors import DocstoreError
from docstore.settings import GIB, TIB, StorageSettings
from docstore.storage.engine.data_file import grantable, open_data_file
logging.basicConfig(format="%(message)s", stream=sys.stdout)
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]) * GIB, resource.RLIM_INFINITY))
try:
    settings = StorageSettings(map_size=TIB, map_size_smallest=GIB)
    with open_data_file(Path(sys.argv[1]), settings, read_only=False) as opened:
        size = opened.info()["map_size"]
        print(size // GIB, grantable(size) // GIB, sep=", ")
except DocstoreError as error:
    print(error.reason)
"""


def limited_to(folder: Path, gibibytes: int) -> list[str]:
    command = [sys.executable, "-c", LIMITED, str(folder / "file"), str(gibibytes)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY, reason="address space is limited"
)
def test_the_map_is_halved_with_a_warning_until_the_system_grants_it(tmp_path: Path) -> None:
    *warnings, sizes = limited_to(tmp_path, 200)
    assert [warning.rpartition("trying ")[2] for warning in warnings] == ["524288 MiB", "262144 MiB", "131072 MiB"]
    map_size, growth = (int(size) for size in sizes.split(", "))
    assert map_size == 128
    assert 32 <= growth < 200 - 128  # as much again is not granted, but some is


def test_less_than_the_smallest_map_is_refused(tmp_path: Path) -> None:
    *_, refusal = limited_to(tmp_path, 1)
    assert refusal.startswith("The system grants no map of 1024 MiB")


def test_readers_and_a_replacement_keep_each_other_away(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    readers = [lock_for_reading(file), lock_for_reading(file)]
    with pytest.raises(StoreUnusable, match="is reading"):
        lock_for_replacing(file)
    for reader in readers:
        os.close(reader)
    replacing = lock_for_replacing(file)
    with pytest.raises(StoreUnusable, match="being compacted"):
        lock_for_reading(file)
    os.close(replacing)
