from docstore.config.kept import KeptSettings
from tests.cli.running import run


def test_show_tells_where_each_setting_comes_from(capsys, tmp_path, monkeypatch):
    file = tmp_path / "docstore.toml"
    file.write_text("[chttpd]\nport = 6000\n[jwt_keys]\n'hmac:a' = 'aGVsbG8='\n")
    KeptSettings(tmp_path).update({("uuids", "max_count"): "5"})
    monkeypatch.setenv("DOCSTORE_CORS__ORIGINS", "http://a")
    arguments = ("config", "show", "--config", file, "--data", tmp_path, "--set", "some/thing=x")
    said = run(capsys, *arguments, "--changed")
    assert said.status == 0
    assert said.out.splitlines() == [
        "chttpd/port = 6000  (file)",
        "cors/origins = http://a  (environment)",
        f"couchdb/database_dir = {tmp_path}  (command line)",
        "jwt_keys/hmac:a = ****  (file)",
        "some/thing = x  (command line)",
        "uuids/max_count = 5  (kept)",
    ]
    assert "chttpd/bind_address = 127.0.0.1  (default)" in run(capsys, *arguments).out


def test_check_passes_what_can_be_and_names_what_nobody_reads(capsys, tmp_path):
    said = run(capsys, "config", "check", "--data", tmp_path, "--set", "chttpd/prot=6000", "--set", "other/x=y")
    assert said.status == 0
    assert said.out.splitlines() == [
        "unknown: chttpd/prot (command line) is kept, and nobody reads it; chttpd/port may be meant",
        "A server would start with these settings.",
    ]


def test_check_names_all_that_cannot_be(capsys, tmp_path):
    said = run(capsys, "config", "check", "--data", tmp_path, "--set", "chttpd/port=x", "--set", "views/background=1")
    assert said.status == 1
    assert said.out.splitlines() == [
        "wrong: chttpd/port (command line) is a port, 0 to 65535, not 'x'.",
        "wrong: views/background (command line) is true or false, not '1'.",
    ]


def test_a_file_that_cannot_be_read_is_one_line(capsys, tmp_path):
    file = tmp_path / "docstore.toml"
    file.write_text("port = 1\n")
    said = run(capsys, "config", "check", "--config", file)
    assert said.status == 1
    assert said.err == f"docstore: {file}, line 1: port stands outside of a section.\n"


def test_check_names_the_line_of_the_file(capsys, tmp_path):
    file = tmp_path / "docstore.toml"
    file.write_text("# mine\n[chttpd]\nport = 99999\n\nprot = 1\n")
    said = run(capsys, "config", "check", "--config", file)
    assert said.status == 1
    assert said.out.splitlines() == [
        f"wrong: chttpd/port ({file}, line 3) is a port, 0 to 65535, not '99999'.",
        f"unknown: chttpd/prot ({file}, line 5) is kept, and nobody reads it; chttpd/port may be meant",
    ]
    said = run(capsys, "serve", "--config", file, "--data", tmp_path / "data")
    assert said.err == f"docstore: chttpd/port ({file}, line 3) is a port, 0 to 65535, not '99999'.\n"


def test_check_looks_at_certificates(capsys, tmp_path):
    said = run(capsys, "config", "check", "--data", tmp_path, "--set", "ssl/enable=true")
    assert said.status == 1
    assert said.out == "wrong: ssl/cert_file has to name a certificate.\n"
    none = tmp_path / "none.pem"
    said = run(
        capsys, "config", "check", "--data", tmp_path, "--set", "ssl/enable=true", "--set", f"ssl/cert_file={none}"
    )
    assert said.out == f"wrong: {none}: No such file or directory\n"


def test_what_is_no_setting(capsys):
    said = run(capsys, "config", "check", "--set", "port=1")
    assert said.status == 2
    assert "--set port=1 is not SECTION/KEY=VALUE" in said.err


def test_serve_refuses_what_cannot_be(capsys, tmp_path):
    said = run(capsys, "serve", "--data", tmp_path / "data", "--set", "limits/max_documents=many")
    assert said.status == 1
    assert said.err == "docstore: limits/max_documents (command line) is a whole number from 1 on, not 'many'.\n"
    assert not (tmp_path / "data").exists()
