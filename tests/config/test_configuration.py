import asyncio
import logging
from pathlib import Path

import pytest

from docstore.config.configuration import Configuration, Source
from docstore.config.errors import InvalidSetting
from docstore.config.kept import FILE, KeptSettings
from docstore.errors import StorageFull
from docstore.settings import Limits, Settings

PORT = ("chttpd", "port")


@pytest.fixture
def base(tmp_path):
    return Settings(data=tmp_path)


def entries(configuration):
    return dict(configuration.entries())


def test_settings_without_words_are_the_very_settings(base):
    assert Configuration(base).settings() is base


def test_the_later_source_counts(base, tmp_path):
    file = tmp_path / "docstore.toml"
    file.write_text("[chttpd]\nport = 1\nbind_address = '::1'\n[uuids]\nmax_count = 5\n[limits]\nmax_documents = 6\n")
    KeptSettings(tmp_path).update({PORT: "2", ("uuids", "max_count"): "7"})
    configuration = Configuration(base, file=file, environment={PORT: "3"}, command_line={PORT: "4"})
    settings = configuration.settings()
    assert (settings.port, settings.host, settings.limits.max_uuids, settings.limits.max_documents) == (4, "::1", 7, 6)
    assert [entries(configuration)[name].source for name in (PORT, ("chttpd", "bind_address"), ("uuids", "max_count"))]
    assert entries(configuration)[PORT].source is Source.COMMAND_LINE
    assert entries(configuration)["uuids", "max_count"].source is Source.KEPT


def test_what_a_program_asks_for_goes_before_what_is_kept(tmp_path):
    KeptSettings(tmp_path).update({PORT: "2", ("uuids", "max_count"): "7"})
    base = Settings(data=tmp_path, port=0, changes_timeout=0.0001, limits=Limits(max_documents=3))
    settings = Configuration(base).settings()
    assert (settings.port, settings.changes_timeout) == (0, 0.0001)
    assert settings.limits == Limits(max_documents=3, max_uuids=7)


def test_the_folder_of_the_data_is_what_the_file_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "docstore.toml"
    file.write_text("[couchdb]\ndatabase_dir = 'there'\n")
    KeptSettings(tmp_path / "there").update({PORT: "2", ("couchdb", "database_dir"): "elsewhere"})
    settings = Configuration.load(file, {}, {}).settings()
    assert (settings.data, settings.port) == (Path("there"), 2)
    assert Configuration.load(file, {}, {("couchdb", "database_dir"): "other"}).settings().data == Path("other")


def test_a_word_that_cannot_be_is_told_with_its_source(base):
    with pytest.raises(InvalidSetting, match=r"chttpd/port \(environment\) is a port, 0 to 65535, not 'x'"):
        Configuration(base, environment={PORT: "x"}).settings()


async def test_changes_count_at_once_and_are_kept(base):
    configuration = Configuration(base, command_line={("a", "b"): "said"})
    await configuration.set("a", "b", "set")
    await configuration.set("a", "c", "running", persist=False)
    assert configuration.section("a") == {"b": "set", "c": "running"}
    assert Configuration(base).section("a") == {"b": "set"}
    assert Configuration(base, command_line={("a", "b"): "said"}).get("a", "b") == "said"


async def test_what_is_deleted_is_what_it_was_before(base):
    configuration = Configuration(base, environment={PORT: "7"})
    await configuration.set(*PORT, "8")
    await configuration.set("x", "y", "z")
    await configuration.delete(*PORT)
    await configuration.delete("x", "y")
    assert configuration.get(*PORT) == "7"
    assert configuration.get("x", "y") is None
    assert KeptSettings(base.data).read() == {}


async def test_what_is_deleted_without_being_kept_is_there_at_the_next_start(base):
    configuration = Configuration(base)
    await configuration.set("x", "y", "z")
    await configuration.set("x", "y", "w", persist=False)
    await configuration.delete("x", "y", persist=False)
    assert configuration.get("x", "y") == "z"
    assert Configuration(base).get("x", "y") == "z"


async def test_watchers_are_told_what_counts_now(base):
    told = []
    configuration = Configuration(base)
    unwatch = configuration.watch(lambda *change: told.append(change))
    await configuration.set("a", "b", "c")
    await configuration.set("a", "b", "c")  # no change
    await configuration.set("cors", "max_age", "1")
    await configuration.delete("a", "b")
    await configuration.delete("cors", "max_age")
    unwatch()
    await configuration.set("a", "b", "d")
    assert told == [("a", "b", "c"), ("cors", "max_age", "1"), ("a", "b", None), ("cors", "max_age", "600")]


async def test_changes_are_put_back(base):
    configuration = Configuration(base)
    await configuration.set("log", "level", "debug")
    await configuration.set("couchdb", "uuid", "00" * 16, persist=False)
    before = dict(configuration.entries())
    changes = configuration.changes()
    told = []
    configuration.watch(lambda *change: told.append(change))
    await configuration.set("log", "level", "error")
    await configuration.set("admins", "sue", "secret")
    await configuration.delete("couchdb", "uuid")
    told.clear()
    await configuration.put_back(changes)
    assert dict(configuration.entries()) == before
    assert sorted(told) == [("admins", "sue", None), ("couchdb", "uuid", "00" * 16), ("log", "level", "debug")]
    again = Configuration(base)
    assert again.get("log", "level") == "debug"
    assert again.section("admins") == {}


async def test_a_watcher_that_fails_keeps_nobody_from_being_told(base, caplog):
    told = []
    configuration = Configuration(base)
    configuration.watch(lambda *change: 1 // 0)
    configuration.watch(lambda *change: told.append(change))
    with caplog.at_level(logging.ERROR):
        await configuration.set("a", "b", "c")
    assert told == [("a", "b", "c")]
    assert "a/b was not heeded" in caplog.text


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("a]", "b", "c", "Invalid configuration section"),
        ("", "b", "c", "Invalid configuration section"),
        ("a", "[b", "c", "Invalid configuration key"),
        ("a", "b\x00", "c", "Invalid configuration key"),
        ("a\n", "b", "c", "Invalid configuration section"),
        ("a", "b", "c\nd", "Invalid configuration value"),
        ("a", "b", "c\x00", "Invalid configuration value"),
        ("chttpd", "port", "x", "chttpd/port is a port"),
        ("couchdb", "database_dir", "/tmp", "data folder"),
        ("admins", "sue", "****", "instead of a secret"),
        ("admins", "sue", "-pbkdf2:sha256-****", "instead of a secret"),
    ],
)
async def test_what_cannot_be_set_changes_nothing(base, section, key, value, told):
    configuration = Configuration(base)
    before = entries(configuration)
    with pytest.raises(InvalidSetting, match=told):
        await configuration.set_all({("x", "y"): "z", (section, key): value})
    assert entries(configuration) == before
    assert not (base.data / FILE).exists()


async def test_what_cannot_be_kept_does_not_count(base, monkeypatch):
    configuration = Configuration(base)
    told = []
    configuration.watch(lambda *change: told.append(change))

    def full(self, changes):
        raise StorageFull

    monkeypatch.setattr(KeptSettings, "update", full)
    with pytest.raises(StorageFull):
        await configuration.set("a", "b", "c")
    assert configuration.get("a", "b") is None
    await configuration.set("a", "b", "c", persist=False)
    assert told == [("a", "b", "c")]


async def test_changes_at_the_same_time_are_all_kept(base):
    configuration = Configuration(base)
    await asyncio.gather(*(configuration.set("a", str(number), "x") for number in range(10)))
    assert len(configuration.section("a")) == 10
    assert Configuration(base).section("a") == configuration.section("a")


async def test_a_reload_reads_the_files_and_forgets_what_was_not_kept(base, tmp_path):
    file = tmp_path / "docstore.toml"
    file.write_text("[a]\nb = 1\n")
    configuration = Configuration(base, file=file)
    await configuration.set("a", "c", "kept")
    await configuration.set("a", "d", "running", persist=False)
    KeptSettings(base.data).update({("a", "e"): "by hand"})
    file.write_text("[a]\nb = 2\n")
    told = []
    configuration.watch(lambda *change: told.append(change))
    await configuration.reload()
    assert configuration.section("a") == {"b": "2", "c": "kept", "e": "by hand"}
    assert told == [("a", "b", "2"), ("a", "d", None), ("a", "e", "by hand")]


@pytest.mark.parametrize("text", ["[a\n", "[chttpd]\nport = 'x'\n", None])
async def test_a_reload_of_what_cannot_be_changes_nothing(base, tmp_path, text):
    file = tmp_path / "docstore.toml"
    file.write_text("[a]\nb = 1\n")
    configuration = Configuration(base, file=file)
    await configuration.set("a", "d", "running", persist=False)
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    with pytest.raises(InvalidSetting):
        await configuration.reload()
    assert configuration.section("a") == {"b": "1", "d": "running"}


@pytest.mark.parametrize("persist", [True, False])
async def test_there_is_an_end_to_what_can_be_set(tmp_path, persist):
    limits = Limits(max_settings=3, max_settings_bytes=20)
    configuration = Configuration(Settings(data=tmp_path, limits=limits))
    await configuration.set("a", "b", "x" * 16, persist=persist)
    with pytest.raises(InvalidSetting, match="At most 3 settings of 20 bytes"):
        await configuration.set("a", "c", "xxx", persist=persist)
    await configuration.set("a", "b", "", persist=persist)
    await configuration.set_all({("a", "c"): "", ("a", "d"): ""}, persist=persist)
    with pytest.raises(InvalidSetting, match="At most 3 settings"):
        await configuration.set("a", "e", "", persist=persist)
    assert configuration.section("a") == {"b": "", "c": "", "d": ""}


async def test_secrets_are_not_logged(base, caplog):
    with caplog.at_level(logging.INFO):
        await Configuration(base).set("chttpd_auth", "secret", "hush")
    assert "chttpd_auth/secret is set to ****" in caplog.text
    assert "hush" not in caplog.text


async def test_what_is_set_in_an_old_section_counts_for_the_new_one(base):
    told = []
    configuration = Configuration(base)
    configuration.watch(lambda *change: told.append(change))
    await configuration.set("httpd", "enable_cors", "true")
    await configuration.set("couch_httpd_auth", "secret", "hush")
    assert configuration.get("chttpd", "enable_cors") == "true"
    assert configuration.get("chttpd_auth", "secret") == "hush"
    assert ("chttpd", "enable_cors", "true") in told
    await configuration.set("chttpd", "enable_cors", "false")
    assert configuration.get("chttpd", "enable_cors") == "false"
    await configuration.delete("chttpd", "enable_cors")
    await configuration.delete("httpd", "enable_cors")
    assert configuration.get("chttpd", "enable_cors") == "false"


async def test_a_number_with_which_nothing_works_is_refused(base):
    configuration = Configuration(base)
    for section, key in (("storage", "max_snapshots"), ("limits", "max_header"), ("couchdb", "max_document_size")):
        with pytest.raises(InvalidSetting, match="a whole number from 1 on"):
            await configuration.set(section, key, "0")
    await configuration.set("limits", "min_body_rate", "0")
    assert Configuration(Settings(data=base.data, limits=Limits(max_documents=0))).settings().limits.max_documents == 0
