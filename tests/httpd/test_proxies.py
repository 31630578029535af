"""Whose word counts on who asks, and by which URL."""

from pathlib import Path

import pytest
from multidict import CIMultiDict

from docstore.config.configuration import Configuration
from docstore.config.errors import InvalidSetting
from docstore.httpd.proxies import KNOWN_KEPT, Proxies
from docstore.settings import Settings

NEAR, FAR = "127.0.0.1", "203.0.113.9"


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return Configuration(Settings(data=tmp_path))


@pytest.fixture
def proxies(configuration):
    return Proxies(configuration)


def url(proxies, peer=NEAR, *, secure=False, target="/db/doc?x=y", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return proxies.base_url(named, peer, secure=secure, own=lambda: "own:1", target=target)


def forwarded_for(*lines):
    return CIMultiDict([("X-Forwarded-For", line) for line in lines])


def test_without_a_proxy(proxies):
    assert url(proxies) == "http://own:1"
    assert url(proxies, Host="db:5984") == "http://db:5984"
    assert url(proxies, secure=True, Host="db") == "https://db"


def test_what_a_proxy_says_counts(proxies):
    assert url(proxies, Host="db", **{"X-Forwarded-Host": "api.example"}) == "http://api.example"
    assert url(proxies, Host="db", **{"X-Forwarded-Proto": "https"}) == "https://db"
    assert url(proxies, Host="db", **{"X-Forwarded-Ssl": "on"}) == "https://db"
    assert url(proxies, Host="db", **{"X-Forwarded-Prefix": "/couch/"}) == "http://db/couch"
    assert url(proxies, Host="db", **{"X-Couchdb-Vhost-Path": "/couch/db/doc?x=y"}) == "http://db/couch"


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ("api:80", "api:80"),
        ("[::1]:5984", "[::1]:5984"),
        ("client, api", "api"),
        ("a/b", "db"),
        ('a"', "db"),
        ("a b", "db"),
        (",", "db"),
    ],
)
def test_a_host_is_the_nearest_proxys_and_can_be_one(proxies, told, host):
    assert url(proxies, Host="db", **{"X-Forwarded-Host": told}) == f"http://{host}"


async def test_the_names_of_the_headers_are_settings(configuration, proxies):
    for key, name in (("host", "X-Host"), ("proto", "X-Scheme"), ("ssl", "")):
        await configuration.set("chttpd", f"x_forwarded_{key}", name, persist=False)
    asked = {"X-Host": "api.example", "X-Scheme": "https", "X-Forwarded-Host": "other"}
    assert url(proxies, Host="db", **asked) == "https://api.example"
    assert url(proxies, Host="db", **{"X-Forwarded-Ssl": "on"}) == "http://db"


def test_what_anybody_else_says_does_not(proxies):
    headers = {"X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/x"}
    assert url(proxies, FAR, Host="db", **headers) == "http://db"
    assert proxies.remote(forwarded_for(NEAR), FAR) == FAR


@pytest.mark.parametrize("prefix", ["couch", "//evil", "/a b", "/a\r\nX: y", "/é", "/a?b", "/a#b"])
def test_what_is_no_prefix(proxies, prefix):
    assert url(proxies, Host="db", **{"X-Forwarded-Prefix": prefix}) == "http://db"


@pytest.mark.parametrize("path", ["/db/doc", "/other", "evil/db/doc", "/couch/db/doc/more"])
def test_a_path_that_does_not_end_like_the_requests(proxies, path):
    assert url(proxies, Host="db", **{"X-Couchdb-Vhost-Path": path}) == "http://db"


@pytest.mark.parametrize(
    ("forwarded", "remote"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 127.0.0.2", "203.0.113.9"),
        ("127.0.0.3, 127.0.0.2", "127.0.0.3"),
        ("evil, 127.0.0.2", "127.0.0.2"),
        ("unknown", NEAR),
        ("", NEAR),
        ("198.51.100.1; 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1; 203.0.113.9; 127.0.0.2", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_last_of_the_chain_that_is_no_proxy_asks(proxies, forwarded, remote):
    assert proxies.remote(forwarded_for(*forwarded.split("; ")), NEAR) == remote
    assert proxies.remote(forwarded_for(), NEAR) == NEAR


async def test_the_list_can_change(configuration, proxies):
    assert not proxies.trusts(FAR)
    assert proxies.trusts("::ffff:127.0.0.1")
    assert proxies.trusts("::1")
    await configuration.set("docstore", "trusted_proxies", "203.0.113.0/24")
    assert proxies.trusts(FAR)
    assert not proxies.trusts(NEAR)
    await configuration.set("docstore", "path_prefix", "/couch")
    assert url(proxies, NEAR, Host="db") == "http://db/couch"
    proxies.close()
    await configuration.delete("docstore", "trusted_proxies")
    assert proxies.trusts(FAR)


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "localhost"),
        ("path_prefix", "couch"),
        ("path_prefix", "/"),
    ],
)
async def test_words_that_cannot_be(configuration, key, word):
    with pytest.raises(InvalidSetting, match=key):
        await configuration.set("docstore", key, word)


def test_addresses_do_not_fill_the_memory(proxies):
    for number in range(KNOWN_KEPT * 3):
        proxies.trusts(f"10.0.{number // 256}.{number % 256}")
    assert len(proxies._known) <= KNOWN_KEPT
    assert not proxies.trusts(None)
    assert not proxies.trusts("no address")


async def test_location_and_suggested_links_are_as_clients_see_them(client):
    await client.put("/db")
    headers = {"X-Forwarded-Host": "api.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/couch"}
    async with client.put("/db/doc", json={}, headers=headers) as response:
        assert response.headers["Location"] == "https://api.example/couch/db/doc"
    problem = headers | {"Accept": "application/problem+json"}
    async with client.put("/db/doc", json={"x": 1}, headers=problem) as response:
        assert response.status == 409
        assert "https://api.example/couch/db/doc" in await response.text()
