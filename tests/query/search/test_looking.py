"""When the files of an index are looked at, and what an index makes of it."""

import asyncio
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from docstore.query.search import damage as damage_module
from docstore.query.search import looking
from docstore.query.search.damage import damaged_file
from docstore.query.search.folder import WRITTEN, NotNow, make_folder, open_folder, was_cut_short
from docstore.query.search.index import SearchIndex
from docstore.query.search.looking import REMEMBERED, Looks, is_damaged_by_its_end
from tests.query.search.damaging import spoil_rows
from tests.query.search.test_folder import LIMITS, ids, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index of two segments; the last has the index's state."""
    folder = make_folder(tmp_path / "i", 7, 8)
    for at, names in enumerate(("abcdefghij", "k"), 1):
        write(folder, *names)
        folder.commit(at, 0)
    folder.close()
    return folder.path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all files that are read."""
    found: list[str] = []
    is_sound = damage_module._is_sound

    def reads(file: Path) -> bool:
        found.append(file.name)
        return is_sound(file)

    monkeypatch.setattr(damage_module, "_is_sound", reads)
    return found


def index_of(path: Path) -> SearchIndex:
    """One that can be opened and mended, and not brought up to date."""
    database = SimpleNamespace(environment=SimpleNamespace(epoch=7), name="db", number=1)
    none = cast("Any", None)
    return SearchIndex(path, none, none, cast("Any", database), none, LIMITS, asyncio.Lock(), ahead=1)


def no_handles(*_: object, **__: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


def write_on(path: Path) -> set[str]:
    """Let an index have one segment more. Tells its files."""
    before = set(damage_module._named(path) or ())
    folder = open_folder(path, 7)
    assert folder is not None
    folder.write([], ["k"], LIMITS, fresh=False)
    folder.commit(3, 0)
    folder.close()
    return set(damage_module._named(path) or ()) - before


def test_files_that_were_found_sound_are_not_read_again_soon(
    path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(looking, "monotonic", lambda: now)
    looks = Looks(path)
    assert looks.damaged() is None
    everything = sorted(damage_module._named(path) or ())
    assert sorted(read) == everything
    read.clear()
    assert looks.damaged() is None
    assert read == []
    new = write_on(path)
    assert looks.damaged() is None
    assert set(read) == new
    assert new
    read.clear()
    now += REMEMBERED
    assert looks.damaged() is None
    assert sorted(read) == sorted(damage_module._named(path) or ())
    read.clear()
    looks.forget()
    assert looks.damaged() is None
    assert read


def test_what_there_are_no_handles_for_was_not_looked_at(
    path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(path)
    (path / WRITTEN).touch()
    with monkeypatch.context() as without:
        without.setattr(Path, "open", no_handles)
        for look in (looks.damaged, lambda: is_damaged_by_its_end(path)):
            with pytest.raises(NotNow, match="Too many open files"):
                look()
    assert was_cut_short(path)
    read.clear()
    assert looks.damaged() is None
    assert sorted(read) == sorted(damage_module._named(path) or ())


def test_what_the_disk_refuses_to_read_stays_marked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    (path / WRITTEN).touch()
    with monkeypatch.context() as refused:
        refused.setattr(Path, "open", refuses)
        assert not is_damaged_by_its_end(path)
    assert was_cut_short(path)


async def test_an_index_with_a_mark_is_read_by_its_first_opening(path: Path, read: list[str]) -> None:
    (path / WRITTEN).touch()
    await index_of(path).opened()
    assert sorted(read) == sorted(damage_module._named(path) or ())
    assert not was_cut_short(path)
    read.clear()
    await index_of(path).opened()  # after another start, since the first one ended without a close
    assert read == []


async def test_an_index_with_a_mark_is_not_opened_unlooked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path / WRITTEN).touch()
    index = index_of(path)
    with monkeypatch.context() as without:
        without.setattr(Path, "open", no_handles)
        with pytest.raises(NotNow):
            await index.opened()
    assert index.folder is None
    assert "a" in ids(await index.opened())


async def test_an_index_that_is_made_anew_is_read_anew(path: Path, read: list[str]) -> None:
    index = index_of(path)
    folder = await index.opened()
    assert not await index.mend(folder)
    assert not await index.mend(folder)
    assert len(read) == len(set(read)) > 0
    again = await index._anew(8)
    assert await index.mend(folder)
    assert not await index.mend(again)
    assert index._looks._sound == set(damage_module._named(path) or ())


@pytest.mark.parametrize("ends", ["rest", "rest and open", "remove"])
async def test_what_comes_while_damage_is_looked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ends: str
) -> None:
    index = index_of(path)
    folder = await index.opened()
    loop = asyncio.get_running_loop()
    spoil_rows(path)

    async def end() -> None:
        await (index.remove() if ends == "remove" else index.rest())
        if ends == "rest and open":
            await index.opened()

    def looks(path: Path, sound: set[str] | None = None) -> str | None:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        return damaged_file(path, sound)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(looking, "damaged_file", looks)
        assert await index.mend(folder)
    assert ("is damaged" in caplog.text) == (ends == "rest")
    if ends == "rest":  # what was found is not lost
        assert index.folder is None
        assert ids(await index.opened()) == []
        assert damaged_file(path) is None
    elif ends == "rest and open":  # whoever asks again finds it again
        assert index.folder not in {None, folder}
