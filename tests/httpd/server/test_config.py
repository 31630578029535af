import aiohttp
import pytest

from docstore.config.configuration import Configuration
from docstore.config.kept import KeptSettings
from docstore.config.secrets import is_hashed
from docstore.core.security.passwords import Hashing, admin_text, hashed
from docstore.errors import StorageFull

CONFIG = "/_node/_local/_config"


SUE = {"Authorization": aiohttp.encode_basic_auth("sue", "pencil")}


async def ask(client, method, path, status=200, **more):
    async with client.request(method, CONFIG + path, **more) as response:
        body = await response.json()
        assert response.status == status, body
        return body


async def test_a_setting_nobody_here_reads_is_kept_and_told_again(client, server):
    assert await ask(client, "PUT", "/some/thing", json=" v1 ") == ""
    assert await ask(client, "PUT", "/some/thing", json="v2") == "v1"
    assert await ask(client, "GET", "/some/thing") == "v2"
    assert await ask(client, "GET", "/some") == {"thing": "v2"}
    assert (await ask(client, "GET", ""))["some"] == {"thing": "v2"}
    assert KeptSettings(server.data).read() == {("some", "thing"): "v2"}
    assert await ask(client, "DELETE", "/some/thing") == "v2"
    assert await ask(client, "GET", "/some") == {}
    unknown = {"error": "not_found", "reason": "unknown_config_value"}
    assert await ask(client, "GET", "/some/thing", 404) == unknown
    assert await ask(client, "DELETE", "/some/thing", 404) == unknown


async def test_the_settings_of_the_server_are_there(client, server):
    everything = await ask(client, "GET", "")
    assert everything["couchdb"]["database_dir"] == str(server.data)
    assert everything["chttpd"]["port"] == "0"
    assert everything["uuids"] == {"algorithm": "sequential", "max_count": "1000"}
    assert await ask(client, "GET", "/chttpd_auth/timeout") == "600"


async def test_the_node_may_go_by_its_name(client):
    async with client.get("/_node/_local") as response:
        name = (await response.json())["name"]
    async with client.get(f"/_node/{name}/_config/chttpd/port") as response:
        assert await response.json() == "0"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_another_node(client, method):
    async with client.request(method, "/_node/nosuch/_config/a/b", json="x") as response:
        assert response.status == 404
        assert await response.json() == {"error": "not_found", "reason": "no such node: nosuch"}


@pytest.mark.parametrize("value", [5, True, {}, ["x"]])
async def test_only_texts_are_settings(client, value):
    body = await ask(client, "PUT", "/a/b", 400, json=value)
    assert body == {"error": "bad_request", "reason": "a JSON string expected"}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_sections_that_are_code_in_couchdb(client, method):
    body = await ask(client, method, "/query_servers/x", 403, json="y")
    assert body["reason"] == "Config section blacklisted for modification over HTTP API."


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("/a%5B/b", "c", "Invalid configuration section"),
        ("/a/b%5D", "c", "Invalid configuration key"),
        ("/a/b", "c\u0001", "Invalid configuration value"),
        ("/chttpd/port", "many", "chttpd/port is a port, 0 to 65535, not 'many'."),
        ("/admins/sue", "", "A password is not empty."),
    ],
)
async def test_what_cannot_be_set(client, path, value, told):
    assert await ask(client, "PUT", path, 400, json=value) == {"error": "bad_request", "reason": told}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("POST", "", "GET"), ("DELETE", "/a", "GET"), ("POST", "/a/b", "GET,PUT,DELETE"), ("GET", "/_reload", "POST")],
)
async def test_other_methods(client, method, path, allow):
    async with client.request(method, CONFIG + path, json={}) as response:
        assert response.status == 405
        assert response.headers["Allow"] == allow


async def test_a_change_holds_at_once(client):
    await client.put("/db")
    await ask(client, "PUT", "/couchdb/max_document_size", json="10")
    async with client.put("/db/x", json={"text": "longer than that"}) as response:
        assert (response.status, (await response.json())["error"]) == (413, "document_too_large")
    await ask(client, "DELETE", "/couchdb/max_document_size")
    async with client.put("/db/x", json={"text": "longer than that"}) as response:
        assert response.status == 201


async def test_new_databases_go_by_new_settings(client):
    await ask(client, "PUT", "/docstore/revs_limit", json="7")
    await client.put("/db")
    async with client.get("/db/_revs_limit") as response:
        assert await response.json() == 7


async def test_what_is_not_to_last_does_not(client, server):
    await ask(client, "PUT", "/a/b", json="x", headers={"X-Couch-Persist": "false"})
    await ask(client, "PUT", "/a/c", json="y")
    assert await ask(client, "POST", "/_reload") == {"ok": True}
    assert await ask(client, "GET", "/a") == {"c": "y"}
    assert Configuration(server.settings).section("a") == {"c": "y"}


async def test_a_password_is_hashed_and_never_shown(client, server):
    await ask(client, "PUT", "/chttpd_auth/iterations", json="10")
    assert await ask(client, "PUT", "/admins/sue", json="pencil") == ""
    shown = await ask(client, "GET", "/admins/sue", headers=SUE)
    assert shown == "-pbkdf2:sha256-****"
    assert (await ask(client, "GET", "", headers=SUE))["admins"] == {"sue": shown}
    kept = server.node.config.get("admins", "sue")
    assert is_hashed(kept)
    assert kept.endswith(",10")
    assert KeptSettings(server.data).read()["admins", "sue"] == kept
    body = await ask(client, "PUT", "/admins/sue", 400, json=shown, headers=SUE)
    assert body["reason"] == "This is what is shown instead of a secret, and cannot be one."
    assert server.node.config.get("admins", "sue") == kept


async def test_a_password_that_is_hashed_already_is_kept_as_it_is(client, server):
    kept = admin_text(hashed("pencil", "salt", Hashing(iterations=10)))
    await ask(client, "PUT", "/admins/sue", json=kept)
    assert server.node.config.get("admins", "sue") == kept
    assert await ask(client, "PUT", "/admins/sue", json=kept, headers=SUE) == "-pbkdf2:sha256-****"
    assert await ask(client, "DELETE", "/admins/sue", headers=SUE) == "-pbkdf2:sha256-****"


async def test_what_cannot_be_kept_is_an_error_and_changes_nothing(client, monkeypatch):
    def full(self, changes):
        raise StorageFull

    monkeypatch.setattr(KeptSettings, "update", full)
    assert (await ask(client, "PUT", "/a/b", 507, json="x"))["error"] == "insufficient_storage"
    assert await ask(client, "GET", "/a") == {}


async def test_settings_survive_a_restart(tmp_path):
    from docstore.testing import run_node

    async with run_node(data=tmp_path) as server:
        await server.node.config.set("uuids", "max_count", "3")
    async with run_node(data=tmp_path) as server:
        assert server.node.settings.limits.max_uuids == 3
