import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.config.errors import InvalidSetting
from docstore.config.kept import FILE, NEW_FILE, KeptSettings, to_toml
from docstore.config.sources import read_file
from docstore.errors import StorageFailed, StorageFull

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip)


@given(st.dictionaries(st.tuples(NAMES, NAMES), VALUES, max_size=8))
def test_whatever_is_kept_is_read_again(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("kept") / FILE
    path.write_text(to_toml(words), newline="")
    assert read_file(path) == words


def test_changes_are_kept_one_by_one(tmp_path):
    kept = KeptSettings(tmp_path)
    assert kept.read() == {}
    kept.update({("a", "x"): "1", ("b", "y"): "2"})
    kept.update({("a", "x"): None, ("a", "z"): "3"})
    assert KeptSettings(tmp_path).read() == {("a", "z"): "3", ("b", "y"): "2"}
    assert not (tmp_path / NEW_FILE).exists()


def test_what_somebody_else_wrote_stays(tmp_path):
    mine, other = KeptSettings(tmp_path), KeptSettings(tmp_path)
    mine.update({("a", "x"): "1"})
    other.update({("admins", "sue"): "-pbkdf2:sha256-a,b,1"})
    assert mine.update({("a", "x"): "2"}) == {("a", "x"): "2", ("admins", "sue"): "-pbkdf2:sha256-a,b,1"}


def test_nobody_else_may_read_it(tmp_path):
    folder = tmp_path / "new"
    KeptSettings(folder).update({("admins", "sue"): "x"})
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("code", "told"), [(errno.ENOSPC, StorageFull), (errno.EROFS, StorageFailed), (errno.EIO, StorageFailed)]
)
@pytest.mark.parametrize("failing", ["fsync", "open"])
def test_what_cannot_be_written_changes_nothing(tmp_path, monkeypatch, code, told, failing):
    kept = KeptSettings(tmp_path)
    kept.update({("a", "x"): "1"})

    def fail(*arguments):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, fail)
        with pytest.raises(told):
            kept.update({("a", "x"): "2"})
    assert kept.read() == {("a", "x"): "1"}
    assert not (tmp_path / NEW_FILE).exists()


def test_a_file_that_cannot_be_read_is_not_written_over(tmp_path):
    (tmp_path / FILE).write_text("[a\n")
    with pytest.raises(InvalidSetting, match=FILE):
        KeptSettings(tmp_path).update({("a", "x"): "1"})
    assert (tmp_path / FILE).read_text() == "[a\n"


def test_there_is_an_end_to_it(tmp_path):
    kept = KeptSettings(tmp_path)
    with pytest.raises(InvalidSetting, match="too many"):
        kept.update({("a", "x"): "y" * 9_000_000})
    assert kept.read() == {}
