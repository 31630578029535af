import pytest

from docstore.config.errors import InvalidSetting
from docstore.config.sources import MAX_FILE, read_environment, read_file


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "docstore.toml"
        path.write_text(text)
        return read_file(path)

    return read


def test_every_plain_value_is_a_word(read):
    text = """
    [chttpd]
    port = 5984
    enable_cors = true
    bind_address = " 0.0.0.0 "
    ratio = 0.5
    [cors]
    origins = ["http://a", "http://b"]
    """
    assert read(text) == {
        ("chttpd", "port"): "5984",
        ("chttpd", "enable_cors"): "true",
        ("chttpd", "bind_address"): "0.0.0.0",
        ("chttpd", "ratio"): "0.5",
        ("cors", "origins"): "http://a, http://b",
    }


def test_a_table_in_a_table_is_a_section_with_a_dot(read):
    assert read('[replicator.shares]\n_replicator = 100\n["cors:a"]\nx = "y"\n') == {
        ("replicator.shares", "_replicator"): "100",
        ("cors:a", "x"): "y",
    }


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("port = 1\n", "line 1: port stands outside of a section"),
        ("[a]\nb = 1979-05-27\n", "line 2: a.b is neither"),
        ("[a]\nx = 1\nb = [1]\n", "line 3: a.b is neither"),
        ('[a]\nb = ["x,y"]\n', "line 2: a.b is neither"),
        ("[a]\nb = \n", "line 2"),
        ("[a]\nb = 1\nb = 2\n", "line 3"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(read, text, where):
    with pytest.raises(InvalidSetting, match=where):
        read(text)


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSetting, match=r"x\.toml"):
        read_file(path)


def test_a_file_of_any_size_is_not_read(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"#" * (MAX_FILE + 1))
    with pytest.raises(InvalidSetting, match="too long"):
        read_file(path)


def test_variables_name_section_and_key():
    variables = {
        "DOCSTORE_CHTTPD__PORT": " 6000 ",
        "DOCSTORE_COUCHDB__MAX_DOCUMENT_SIZE": "5",
        "DOCSTORE_ADMIN_PASSWORD": "x",
        "DOCSTORE___KEY": "x",
        "OTHER_CHTTPD__PORT": "x",
        "CHTTPD__PORT": "x",
    }
    assert read_environment(variables) == {("chttpd", "port"): "6000", ("couchdb", "max_document_size"): "5"}
