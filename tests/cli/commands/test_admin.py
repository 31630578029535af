"""``docstore admin``: admins of a data folder, and that a server lets them in."""

import base64

import aiohttp
import pytest
from click.testing import CliRunner

from docstore.cli.main import docstore
from docstore.config.kept import KeptSettings
from docstore.testing import run_node

QUICK = ("--iterations", "3")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("DOCSTORE_ADMIN_PASSWORD", raising=False)

    def invoke(*arguments, **options):
        return CliRunner().invoke(docstore, ["admin", *arguments, "--data", str(tmp_path)], **options)

    return invoke


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


async def test_admins_log_in(run, tmp_path):
    assert run("set", "ann", *QUICK, input="pw\n").exit_code == 0
    assert run("set", "bob", *QUICK, env={"DOCSTORE_ADMIN_PASSWORD": "other"}).exit_code == 0
    assert run("list").output == "ann\nbob\n"
    stored = KeptSettings(tmp_path).read()["admins", "ann"]
    assert stored.startswith("-pbkdf2:sha256-")
    assert stored.endswith(",3")
    async with run_node(data=tmp_path) as server, aiohttp.ClientSession(server.url) as client:
        for name, password, status in [("ann", "pw", 200), ("bob", "other", 200), ("ann", "other", 401)]:
            async with client.get("/_all_dbs", headers=basic(name, password)) as response:
                assert response.status == status
        async with client.get("/_all_dbs") as response:
            assert response.status == 401


def test_an_admin_is_removed(run):
    run("set", "ann", *QUICK, input="pw\n")
    answer = run("remove", "ann")
    assert answer.exit_code == 0
    assert "It has none now." in answer.output
    assert run("list").output == ""
    assert run("remove", "ann").exit_code == 1


@pytest.mark.parametrize(("name", "password"), [("a:b", "x"), ("", "x"), ("ann", ""), ("a[b", "x")])
def test_what_cannot_be(run, name, password):
    assert run("set", name, *QUICK, input=f"{password}\n").exit_code != 0
    assert run("list").output == ""


def test_a_password_that_nobody_could_send(run):
    result = run("set", "ann", *QUICK, env={"DOCSTORE_ADMIN_PASSWORD": "p\udcffw"})
    assert result.exit_code == 2
    assert "UTF-8" in result.output
    assert run("list").output == ""


def test_a_folder_that_there_is_not_has_no_list(tmp_path):
    result = CliRunner().invoke(docstore, ["admin", "list", "--data", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "is no folder" in result.output
