"""The check of pages: silent about every whole store, and about what LMDB does not write; and what it tells."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from struct import pack

import lmdb
import pytest

from docstore.errors import StoreDamaged
from docstore.settings import StorageSettings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.page_layout import BadPage, decode_meta, decode_tree
from docstore.storage.engine.pages import PAGES_AT_OPEN, file_findings, read_metas, refuse_damage

SETTINGS = StorageSettings()
PAGE = 4096


def findings(folder: Path) -> list[str]:
    return list(file_findings(folder / DATA_FILE, SETTINGS))


def fill(folder: Path, seed: int, rounds: int) -> None:
    """Write, overwrite and delete rows of all sizes in several tables."""
    dice = random.Random(seed)
    with lmdb.open(str(folder / DATA_FILE), subdir=False, max_dbs=5, map_size=1 << 28, sync=False) as environment:
        tables = [environment.open_db(b"table %d" % number) for number in range(4)]
        for _ in range(rounds):
            with environment.begin(write=True) as transaction:
                for _ in range(dice.randrange(200)):
                    key = b"%d" % dice.randrange(500) * dice.randrange(1, 20)
                    table = dice.choice(tables)
                    if dice.random() < 0.4:
                        transaction.delete(key, db=table)
                    else:
                        transaction.put(key, dice.randbytes(dice.choice([0, 10, 500, 2_030, 5_000, 50_000])), db=table)
                if dice.random() < 0.05:
                    transaction.drop(dice.choice(tables), delete=False)


@pytest.mark.parametrize("seed", range(8))
def test_whole_files_are_whole(tmp_path: Path, seed: int) -> None:
    """Whatever LMDB has done with a file."""
    for rounds in range(4):
        fill(tmp_path, 10 * seed + rounds, 10)
        assert findings(tmp_path) == []
        refuse_damage(tmp_path / DATA_FILE)


def test_a_file_that_was_never_filled(tmp_path: Path) -> None:
    (tmp_path / DATA_FILE).touch()
    refuse_damage(tmp_path / DATA_FILE)
    with lmdb.open(str(tmp_path / DATA_FILE), subdir=False):
        pass
    assert findings(tmp_path) == []


def test_free_pages_at_the_end_need_not_be_there(tmp_path: Path) -> None:
    """LMDB does not write a page that was taken and given up in one transaction."""
    fill(tmp_path, 1, 5)
    with lmdb.open(str(tmp_path / DATA_FILE), subdir=False, max_dbs=5, map_size=1 << 28) as environment:
        table = environment.open_db(b"table 0")
        with environment.begin(write=True) as transaction:
            transaction.put(b"long", bytes(1 << 20), db=table)
        with environment.begin(write=True) as transaction:
            transaction.delete(b"long", db=table)
        last = environment.info()["last_pgno"]
    path = tmp_path / DATA_FILE
    os.truncate(path, (last - 100) * PAGE)
    assert findings(tmp_path) == []
    refuse_damage(path)
    os.truncate(path, 10 * PAGE)
    [told] = findings(tmp_path)
    assert "it was cut off" in told
    with pytest.raises(StoreDamaged, match="cut off"):
        refuse_damage(path)


def test_beside_a_writer(tmp_path: Path) -> None:
    """The pages of one state, while others are written."""
    fill(tmp_path, 2, 10)
    child = os.fork()
    if child == 0:
        try:
            fill(tmp_path, 3, 2_000)
        finally:
            os._exit(0)
    try:
        for _ in range(10):
            assert findings(tmp_path) == []
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert findings(tmp_path) == []


def upper_page(path: Path) -> int:
    """A page that is looked at when the store is opened: the root of the main tree."""
    file = os.open(path, os.O_RDONLY)
    metas = read_metas(file)
    os.close(file)
    assert not isinstance(metas, str)
    return max(metas, key=lambda meta: meta.txnid).main.root


Patch = Callable[[bytearray, int], None]


def in_page(place: int, data: bytes) -> Patch:
    def patch(file: bytearray, start: int) -> None:
        file[start + place : start + place + len(data)] = data

    return patch


def in_entry(place: int, data: bytes) -> Patch:
    """Something in the first entry of the page."""

    def patch(file: bytearray, start: int) -> None:
        in_page(int.from_bytes(file[start + 16 : start + 18], "little") + place, data)(file, start)

    return patch


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (in_page(0, bytes(PAGE)), "it says that it is page 0"),
        (in_page(10, pack("H", 1)), "it has the flags 0x1, not 0x2"),
        (in_page(12, pack("H", 9_000)), "its bounds are"),
        (in_page(12, pack("H", 16)), "it has 0 entries"),
        (in_page(16, pack("H", 4_095)), "an entry is at 4095"),
        (in_entry(0, b"\xff\xff"), "the value at"),
        (in_entry(4, b"\4"), "an entry has the flags"),
        (in_entry(6, b"\xff\xff"), "the key at"),
        (in_entry(8, b"zzz"), "not in order"),
    ],
)
def test_what_is_wrong_with_a_page(tmp_path: Path, patch: Patch, words: str) -> None:
    fill(tmp_path, 4, 10)
    path = tmp_path / DATA_FILE
    file = bytearray(path.read_bytes())
    patch(file, upper_page(path) * PAGE)
    path.write_bytes(file)
    assert any(words in finding for finding in findings(tmp_path))
    with pytest.raises(StoreDamaged, match="is damaged"):
        refuse_damage(path)


def test_a_large_file_is_opened_at_a_fixed_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lmdb.open(str(tmp_path / DATA_FILE), subdir=False, map_size=1 << 28, sync=False) as environment:
        with environment.begin(write=True) as transaction:
            for number in range(60_000):
                transaction.put(b"%08d" % number, bytes(100))
        assert environment.stat()["leaf_pages"] > 2 * PAGES_AT_OPEN
    reads: list[int] = []
    pread = os.pread

    def counted(file: int, size: int, place: int) -> bytes:
        reads.append(place)
        return pread(file, size, place)

    monkeypatch.setattr("docstore.storage.engine.pages.os.pread", counted)
    refuse_damage(tmp_path / DATA_FILE)
    assert len(reads) <= PAGES_AT_OPEN + 2
    reads.clear()
    assert findings(tmp_path) == []
    assert len(reads) > 2 * PAGES_AT_OPEN


@pytest.mark.parametrize("value", [0, 1, 255])
def test_no_byte_of_a_meta_page_is_trusted(tmp_path: Path, value: int) -> None:
    """It is told, or changes nothing that matters; never does it end this process."""
    fill(tmp_path, 5, 2)
    path = tmp_path / DATA_FILE
    whole = path.read_bytes()
    told = 0
    for place in range(16, 152):
        file = bytearray(whole)
        for page in (0, 1):
            file[page * PAGE + place] = value
        path.write_bytes(file)
        try:
            refuse_damage(path)
        except StoreDamaged:
            told += 1
        else:
            assert findings(tmp_path) == []
    assert told > 10


def test_what_is_no_meta_page() -> None:
    for data in (b"", bytes(152), b"\xff" * 152):
        with pytest.raises(BadPage):
            decode_meta(data)
    for data in (b"", b"\xff" * 48, bytes(48)):
        with pytest.raises(BadPage):
            decode_tree(data)
