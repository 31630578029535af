import dataclasses
from pathlib import Path

import pytest

from docstore.config.table import DEFAULTS, TABLE, leaves, with_words
from docstore.settings import Settings


def test_every_field_has_a_row():
    fields = {path for path, _ in leaves(DEFAULTS)}
    assert {row.path for row in TABLE.values() if row.path is not None} == fields


def test_no_two_fields_share_a_row():
    paths = [row.path for row in TABLE.values() if row.path is not None]
    assert len(paths) == len({path for path, _ in leaves(DEFAULTS)})


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: "/".join(row.name))
def test_a_default_is_of_its_kind(row):
    if row.default is not None:
        assert row.kind.word(row.kind.parse(row.default)) == row.default


def test_the_words_of_the_defaults_are_the_defaults():
    words = {row.path: row.default for row in TABLE.values() if row.path and row.default is not None}
    assert with_words(Settings(data=Path("elsewhere"), port=1, revs_limit=1), words) == DEFAULTS


def test_words_set_fields_of_groups_and_leave_the_others():
    settings = with_words(DEFAULTS, {"limits.max_documents": "7", "port": "1", "changes_timeout": "1500"})
    assert settings.limits == dataclasses.replace(DEFAULTS.limits, max_documents=7)
    assert (settings.port, settings.changes_timeout) == (1, 1.5)
    assert settings.storage is DEFAULTS.storage


def test_a_setting_of_couchdb_goes_by_its_name():
    assert TABLE["couchdb", "max_document_size"].path == "limits.max_document_size"
    assert TABLE["chttpd_auth", "timeout"].default == "600"
    assert TABLE["replicator", "interval"].default == "60000"
