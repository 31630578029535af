"""Files of an index that are not what was written."""

import shutil
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Final

import pytest

from docstore.query.search import damage as damage_module
from docstore.query.search.damage import META, damaged_file
from docstore.query.search.folder import Folder, Unusable, make_folder, open_folder
from tests.query.search.damaging import Kind, damage, largest_store
from tests.query.search.test_folder import LIMITS, entries, ids, write

KINDS: Final[tuple[Kind, ...]] = ("flip", "flip", "cut", "zero", "gone")
ENDS_A_PROCESS: Final = ("idx", "pos", "term")
"""Files that tantivy's own thread reads for a commit. A flipped bit there may end the process; see ``WRITTEN``."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index of three segments, one without all of its documents."""
    folder = make_folder(tmp_path / "i", 7, 8)
    for at, names in enumerate(("abcdefghij", "klm", "aln"), 1):
        write(folder, *names)
        folder.commit(at, 0)
    folder.close()
    assert len(list(folder.path.glob("*.del"))) == 2
    return folder.path


def files(path: Path) -> list[Path]:
    """Those of tantivy's, in an order that is not that of their random names."""
    found = [file for file in path.iterdir() if file.suffix != ".lock"]
    return sorted(found, key=lambda file: (file.suffix, file.stat().st_size))


def test_sound_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert damaged_file(path) is None
    monkeypatch.setattr(damage_module, "PIECE", 7)
    assert damaged_file(path) is None


def test_what_is_damaged_is_named(path: Path, tmp_path: Path) -> None:
    for file in files(path):
        if file.name.startswith("."):
            continue
        for kind in KINDS:
            copy = shutil.copytree(path, tmp_path / "copy")
            damage(copy / file.name, kind, at=0)
            found = damaged_file(copy)
            assert found == file.name, (file.name, kind)
            shutil.rmtree(copy)
    for end in ("", "x" * 8, '{"crc":1}\x09\x00\x00\x00\x39\x05\x00\x00', "\xff\xff\xff\xff\x39\x05\x00\x00"):
        file = largest_store(path)
        file.unlink()
        file.write_bytes(end.encode("latin-1"))
        assert damaged_file(path) == file.name


@pytest.mark.parametrize("meta", ["", "{", "[]", '{"segments": [{"segment_id": "../../x"}]}', '{"segments": 1}'])
def test_nobody_knows_which_files_there_are(path: Path, meta: str) -> None:
    (path / META).unlink()
    (path / META).write_text(meta)
    assert damaged_file(path) == META


def test_a_file_that_a_merge_has_replaced_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    is_sound = damage_module._is_sound

    def merged_meanwhile(file: Path) -> bool:
        if not read:
            folder = open_folder(path, 7)
            assert folder is not None
            folder.write([], list("klmn"), LIMITS, fresh=False)  # one segment has none any more, and goes
            folder.commit(4, 0)
            folder.close()
            for gone in {file.name for file in path.iterdir()} - set(damage_module._named(path) or ()):
                if gone.endswith((*damage_module.PARTS, "del")):
                    (path / gone).unlink()
        read.append(file.name)
        return is_sound(file)

    before = damage_module._named(path)
    monkeypatch.setattr(damage_module, "_is_sound", merged_meanwhile)
    assert damaged_file(path) is None
    assert before != damage_module._named(path)
    assert len(read) <= len(set(read)) + 1  # none is read twice


def test_a_file_that_is_kept_from_being_read_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError):
        damaged_file(path)


def test_a_file_that_shrinks_while_it_is_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shrinks(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            self.truncate(3)
            return super().read(size)

    monkeypatch.setattr(Path, "open", lambda file, *_, **__: Shrinks(bytes(100)))
    monkeypatch.setattr(damage_module, "_named", lambda _: ["a.idx"])
    assert damaged_file(path) == "a.idx"


def test_damage_is_an_error_of_the_store_or_none(path: Path, tmp_path: Path) -> None:
    """Whatever tantivy makes of it, nothing else comes; and what it could not use, and was opened, is found damaged."""
    random = Random(17)
    right = sorted(ids(opened(path)))
    came: Counter[str] = Counter()
    for number in range(150):
        copy = shutil.copytree(path, tmp_path / f"copy{number}")
        file = random.choice(files(copy))
        kind = random.choice(KINDS)
        damage(file, kind, random.randrange(file.stat().st_size * 8 if kind == "flip" else file.stat().st_size))
        noticed = damaged_file(copy) or (META if file.name == META else None)  # which has no checksum
        try:
            folder = open_folder(copy, 7)
            if folder is None:
                came["anew"] += 1
                continue
            shown = sorted(ids(folder))
            assert shown == right or noticed is not None
            if kind != "flip" or not file.name.endswith(ENDS_A_PROCESS):
                folder.write(entries("zz"), ["b"], replace(LIMITS, max_columns=8), fresh=False)
                folder.commit(9, 0)
                folder.close()
                assert (sorted(ids(folder)) == sorted({*right, "zz"} - {"b"})) or noticed is not None
            came["used"] += 1
        except Unusable:
            assert noticed is not None
            came["failed"] += 1
    assert min(came[what] for what in ("anew", "used", "failed")) > 0, came


def opened(path: Path) -> Folder:
    folder = open_folder(path, 7)
    assert folder is not None
    return folder
