"""What was set at run time and is to last: the file ``config.toml`` in the data folder.

Owns that file. It is read anew before each change, so that what somebody else wrote into it stays, and replaced as a
whole: a new file is synced, takes the old one's name, and the folder is synced. Nobody but its owner may read it, since
it holds secrets. It must not know which settings there are.
"""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from docstore.config.errors import InvalidSetting
from docstore.config.sources import MAX_FILE, Words, read_file
from docstore.errors import DocstoreError, StorageFailed, StorageFull

FILE: Final = "config.toml"
NEW_FILE: Final = "config.toml.new"
HEADER: Final = "# Written by docstore: settings that were changed while it ran.\n"
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class KeptSettings:
    """The settings kept in a data folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> Words:
        """What is kept. Raises InvalidSetting if the file cannot be read; none is an empty one."""
        try:
            return read_file(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise InvalidSetting(f"{self.path}: {error.strerror}") from error

    def update(self, changes: Mapping[tuple[str, str], str | None]) -> Words:
        """Keep these words, None for none any more, beside those that are kept; all that is kept is handed back.

        Raises InvalidSetting as ``read``, and if it would not fit, StorageFull and StorageFailed.
        """
        words = self.read()
        for name, value in changes.items():
            if value is None:
                words.pop(name, None)
            else:
                words[name] = value
        text = to_toml(words).encode()
        if len(text) > MAX_FILE:
            raise InvalidSetting("There are too many settings to be kept.")
        try:
            self._replace(text)
        except OSError as error:
            raise _told(error) from error
        return words

    def _replace(self, text: bytes) -> None:
        folder = self.path.parent
        folder.mkdir(0o700, parents=True, exist_ok=True)  # the data will be in it
        new = folder / NEW_FILE
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self.path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def to_toml(words: Words) -> str:
    """The words as a TOML text that is read as the same words."""
    sections: dict[str, list[str]] = {}
    for (section, key), value in sorted(words.items()):
        sections.setdefault(section, []).append(f"{_quoted(key)} = {_quoted(value)}\n")
    tables = (f"\n[{_quoted(section)}]\n{''.join(lines)}" for section, lines in sections.items())
    return HEADER + "".join(tables)


def _quoted(text: str) -> str:
    """A basic string of TOML: as JSON has them, with DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _told(error: OSError) -> DocstoreError:
    if error.errno in _NO_ROOM:
        return StorageFull()
    return StorageFailed(f"The settings could not be kept: {error.strerror}.")
