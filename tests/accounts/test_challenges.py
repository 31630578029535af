"""What a 401 says of how to log in: ``WWW-Authenticate``, by which a browser asks for name and password."""

import pytest

BASIC = 'Basic realm="docstore"'


@pytest.fixture
def challenge(client):
    async def ask(path="/_all_dbs", name=None, password="pw", **headers):
        status, _ = await client("GET", path, name, password, headers=headers)
        return status, client.headers.get("WWW-Authenticate")

    return ask


@pytest.fixture
def config(guarded):
    async def change(key, word):
        await guarded.node.config.set("chttpd", key, word, persist=False)

    return change


async def test_at_first_there_is_none(challenge):
    assert await challenge() == (401, None)
    assert await challenge(name="root", password="no") == (401, None)


async def test_the_one_that_is_set(challenge, config):
    await config("WWW-Authenticate", BASIC)
    assert await challenge() == (401, BASIC)
    assert await challenge(name="root", password="no") == (401, BASIC)
    assert await challenge("/none", "root") == (404, None)
    await config("WWW-Authenticate", "B\u00e4sic")
    assert await challenge() == (401, None)


async def test_where_nobody_is_answered_without_a_login(challenge, config):
    await config("require_valid_user", "true")
    assert await challenge("/_up") == (401, 'Basic realm="server"')
    await config("WWW-Authenticate", BASIC)
    assert await challenge("/_up") == (401, BASIC)


async def test_a_request_says_that_it_wants_another_or_none(challenge, config):
    assert await challenge(**{"X-CouchDB-WWW-Authenticate": "Cookie"}) == (401, "Cookie")
    await config("WWW-Authenticate", BASIC)
    assert await challenge(**{"X-CouchDB-WWW-Authenticate": "Cookie"}) == (401, "Cookie")


async def test_problem_details_have_it_too(challenge, config, client):
    await config("WWW-Authenticate", BASIC)
    assert await challenge(Accept="application/problem+json") == (401, BASIC)
    assert client.headers["Content-Type"] == "application/problem+json"
