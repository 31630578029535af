"""The configuration of one node: a word for each section and key, changed while it runs.

Owns the order of the sources and the changes. Of two sources the later one counts::

    default         the table (table.py)
    profile         the limits of the service whose surface the server has (profiles.py)
    file            the TOML file that the server was started with
    kept            what was set at run time, in the data folder (kept.py)
    environment     variables DOCSTORE_SECTION__KEY
    command line    options, and what a program says that starts a node
    running         what was set since the start

So what is set at run time holds at once, whatever it was before; at the next start an option of the command line
counts again. Parts that heed a setting read it once and watch it: nobody looks anything up for a request. Follows
``config`` of CouchDB, its ini files and their ``local.d``.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Final, Self

from docstore.config.errors import InvalidSetting
from docstore.config.kept import KeptSettings
from docstore.config.profiles import words_of_profile
from docstore.config.secrets import is_mask, is_secret, shown
from docstore.config.sources import Words, line_in, read_file
from docstore.config.table import DEFAULTS, TABLE, Name, with_words
from docstore.settings import Settings

logger = logging.getLogger(__name__)

DATA: Final[Name] = ("couchdb", "database_dir")
NEWER_SECTIONS: Final = {"httpd": "chttpd", "couch_httpd_auth": "chttpd_auth"}
"""Where settings went in CouchDB 3; who sets one in the old section means the new one (``chttpd_util``)."""

LOGGED: Final = 200
"""Characters of a word that the log has at most."""

_TABS: Final = {ord("\t"): None}

Watcher = Callable[[str, str, str | None], None]


class Source(StrEnum):
    """Where a word comes from."""

    DEFAULT = "default"
    PROFILE = "profile"
    FILE = "file"
    KEPT = "kept"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Entry:
    """The word that counts, and where it comes from."""

    word: str
    source: Source


@dataclass(frozen=True, slots=True)
class Changes:
    """The words that were set while a node ran, and those of them that are kept."""

    running: Words
    kept: Words


class Configuration:
    """Words by section and key. All but the reading of files is for the thread of the event loop.

    ``base`` has the settings that a program asked for; what of it is no default counts as said on the command line.
    """

    def __init__(
        self,
        base: Settings,
        *,
        file: Path | None = None,
        environment: Mapping[Name, str] | None = None,
        command_line: Mapping[Name, str] | None = None,
    ) -> None:
        """Read the files. Raises InvalidSetting for what cannot be read, OSError if ``file`` cannot."""
        self._base = base
        self._asked = _words_of(base)
        self._file = file
        self._kept = KeptSettings(base.data)
        self._layers: dict[Source, Words] = {
            Source.DEFAULT: {name: row.default for name, row in TABLE.items() if row.default is not None},
            Source.PROFILE: {},
            Source.FILE: {},
            Source.KEPT: {},
            Source.ENVIRONMENT: dict(environment or {}),
            Source.COMMAND_LINE: {**self._asked, **(command_line or {})},
            Source.RUNNING: {},
        }
        self._watchers: list[Watcher] = []
        self._turn = asyncio.Lock()
        self._layers |= self._read()
        self._layers[Source.PROFILE] = words_of_profile(self._layers.values())
        self._entries = _entries(self._layers)

    @classmethod
    def load(
        cls,
        file: Path | None,
        environment: Mapping[Name, str],
        command_line: Mapping[Name, str],
        base: Settings = DEFAULTS,
    ) -> Self:
        """The configuration of a server that is started by these. The data folder is one of the settings.

        Raises InvalidSetting, OSError.
        """
        said = read_file(file) if file is not None else {}
        folder = command_line.get(DATA) or environment.get(DATA) or said.get(DATA)
        if folder:
            base = replace(base, data=Path(folder))
        return cls(base, file=file, environment=environment, command_line=command_line)

    def get(self, section: str, key: str) -> str | None:
        """The word that counts; None if there is none."""
        entry = self._entries.get((section, key))
        return None if entry is None else entry.word

    def section(self, section: str) -> dict[str, str]:
        """The words of a section by their keys, in order of these."""
        return {key: entry.word for (own, key), entry in self.entries() if own == section}

    def entries(self) -> Iterator[tuple[Name, Entry]]:
        """All words that count, in order of section and key."""
        return iter(sorted(self._entries.items()))

    def settings(self) -> Settings:
        """The settings that follow. Raises InvalidSetting for the first word that cannot be."""
        words: dict[str, str] = {}
        for (section, key), entry in self._entries.items():
            if entry.source is Source.DEFAULT:
                continue
            if self._asked.get((section, key)) != entry.word:
                self._check(section, key, entry.word, entry.source)
            row = TABLE.get((section, key))
            if row is not None and row.path is not None:
                words[row.path] = entry.word
        for name, word in self._asked.items():
            row = TABLE[name]
            if row.path is not None and words.get(row.path) == word:
                del words[row.path]  # the very value says more than its word
        return with_words(self._base, words) if words else self._base

    def place_of(self, name: Name, source: Source) -> str:
        """Where a word is to be changed: the source, of the file the line."""
        line = line_in(self._file, name) if source is Source.FILE and self._file is not None else None
        return source if line is None else f"{self._file}, line {line}"

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call ``watcher(section, key, word)`` after each change, with the word that counts now, if there is one.

        What is handed back ends that.
        """
        self._watchers.append(watcher)

        def unwatch() -> None:
            with suppress(ValueError):
                self._watchers.remove(watcher)

        return unwatch

    async def set(self, section: str, key: str, value: str, *, persist: bool = True) -> None:
        """Let a word count from now on; and, if it is to ``persist``, at the next start.

        Raises InvalidSetting, StorageFull, StorageFailed; then nothing has changed.
        """
        await self.set_all({(section, key): value}, persist=persist)

    async def set_all(self, words: Mapping[Name, str], *, persist: bool = True) -> None:
        """As ``set``, of several that are kept together or not at all."""
        self._check_room(words)
        for (section, key), value in words.items():
            check_change(section, key, value)
        async with self._turn:
            running, kept = {**self._layers[Source.RUNNING], **words}, self._layers[Source.KEPT]
            self._check_room({**kept, **running})
            if persist:
                await asyncio.to_thread(self._kept.update, words)
                kept = {**kept, **words}
            for (section, key), value in words.items():
                logger.info("%s/%s is set to %s", section, key, shown(section, key, value)[:LOGGED])
            self._change({Source.RUNNING: running, Source.KEPT: kept})

    async def delete(self, section: str, key: str, *, persist: bool = True) -> None:
        """Let that count which counted before it was set; what a file, the environment or the command line say stays.

        Raises as ``set``.
        """
        async with self._turn:
            running, kept = dict(self._layers[Source.RUNNING]), dict(self._layers[Source.KEPT])
            running.pop((section, key), None)
            if persist and (section, key) in kept:
                await asyncio.to_thread(self._kept.update, {(section, key): None})
                del kept[section, key]
            logger.info("%s/%s is deleted", section, key)
            self._change({Source.RUNNING: running, Source.KEPT: kept})

    def changes(self) -> Changes:
        """What was changed at run time, to be put back later."""
        return Changes(dict(self._layers[Source.RUNNING]), dict(self._layers[Source.KEPT]))

    async def put_back(self, changes: Changes) -> None:
        """Let what was changed at run time be what it was. Raises as ``set``."""
        async with self._turn:
            kept = self._layers[Source.KEPT]
            words = {name: changes.kept.get(name) for name in {*kept, *changes.kept}}
            other = {name: word for name, word in words.items() if word != kept.get(name)}
            if other:
                await asyncio.to_thread(self._kept.update, other)
            self._change({Source.RUNNING: dict(changes.running), Source.KEPT: dict(changes.kept)})

    async def reload(self) -> None:
        """Read the files again, and forget what was set without being kept.

        Raises InvalidSetting for what cannot be; then nothing has changed.
        """
        async with self._turn:
            try:
                read = await asyncio.to_thread(self._read)
            except OSError as error:
                raise InvalidSetting(f"{self._file}: {error.strerror}") from error
            for source, words in read.items():
                for (section, key), word in words.items():
                    self._check(section, key, word, source)
            self._change({**read, Source.RUNNING: {}})

    def _check(self, section: str, key: str, word: str, source: Source) -> None:
        try:
            check_word(section, key, word)
        except InvalidSetting:
            check_word(section, key, word, self.place_of((section, key), source))

    def _check_room(self, words: Mapping[Name, str]) -> None:
        limits = self._base.limits
        size = sum(len(section) + len(key) + len(word) for (section, key), word in words.items())
        if len(words) > limits.max_settings or size > limits.max_settings_bytes:
            raise InvalidSetting(
                f"At most {limits.max_settings} settings of {limits.max_settings_bytes} bytes can be changed."
            )

    def _read(self) -> dict[Source, Words]:
        kept = self._kept.read()
        kept.pop(DATA, None)
        return {Source.FILE: read_file(self._file) if self._file is not None else {}, Source.KEPT: kept}

    def _change(self, layers: dict[Source, Words]) -> None:
        before = self._entries
        self._layers |= layers
        self._entries = _entries(self._layers)
        for name in sorted({*before, *self._entries}):
            old, new = before.get(name), self._entries.get(name)
            word = None if new is None else new.word
            if word != (None if old is None else old.word):
                self._tell(*name, word)

    def _tell(self, section: str, key: str, word: str | None) -> None:
        for watcher in tuple(self._watchers):
            try:
                watcher(section, key, word)
            except Exception:
                logger.exception("a change of %s/%s was not heeded", section, key)


def check_change(section: str, key: str, value: str) -> None:
    """Raises InvalidSetting for what cannot be set at run time."""
    if not _is_name(section):
        raise InvalidSetting("Invalid configuration section")
    if not _is_name(key):
        raise InvalidSetting("Invalid configuration key")
    if not _is_printable(value):
        raise InvalidSetting("Invalid configuration value")
    if (section, key) == DATA:
        raise InvalidSetting("The data folder is where this would be kept; it is set when the server is started.")
    if is_secret(section, key) and is_mask(value):
        raise InvalidSetting("This is what is shown instead of a secret, and cannot be one.")
    check_word(section, key, value)


def check_word(section: str, key: str, word: str, place: str | None = None) -> None:
    """Raises InvalidSetting for a word that is not of its setting's kind. ``place`` is where it stands."""
    row = TABLE.get((section, key))
    if row is None:
        return
    try:
        row.kind.parse(word)
    except ValueError:
        told = "" if place is None else f" ({place})"
        raise InvalidSetting(f"{section}/{key}{told} is {row.kind.name}, not {word!r}.") from None


def _is_name(text: str) -> bool:
    """As CouchDB: what can be seen, and no brackets."""
    return bool(text) and _is_printable(text) and "[" not in text and "]" not in text


def _is_printable(text: str) -> bool:
    return text.isprintable() or text.translate(_TABS).isprintable()


_FIELDS: Final = tuple((row, attrgetter(row.path)) for row in TABLE.values() if row.path is not None)
"""The settings that are fields, and what finds them in a Settings."""
_FIELD_DEFAULTS: Final = tuple(field_of(DEFAULTS) for _, field_of in _FIELDS)


def _words_of(base: Settings) -> Words:
    """What a program has asked for: the data folder, and the fields that are no defaults, in words."""
    words: Words = {}
    for (row, field_of), default in zip(_FIELDS, _FIELD_DEFAULTS, strict=True):
        value = field_of(base)
        if row.name == DATA or (value != default and value is not None):
            words[row.name] = row.kind.word(value)
    return words


def _entries(layers: Mapping[Source, Words]) -> dict[Name, Entry]:
    entries = {name: Entry(word, source) for source in Source for name, word in layers[source].items()}
    for (section, key), entry in list(entries.items()):
        newer = NEWER_SECTIONS.get(section)
        if newer is not None:
            found = entries.get((newer, key))
            if found is None or found.source is Source.DEFAULT:
                entries[newer, key] = entry
    return entries
