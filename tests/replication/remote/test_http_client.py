"""Requests to one peer: attempts, credentials, redirects, patience."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from random import Random

import aiohttp
import pytest
from aiohttp import web

from docstore.replication.errors import (
    PeerBroken,
    PeerBusy,
    PeerError,
    PeerForbidden,
    PeerNotFound,
    PeerTooLarge,
    PeerUnauthorized,
    PeerUnreachable,
)
from docstore.replication.remote.http_client import HttpClient
from docstore.replication.remote.http_messages import Ask, Body
from docstore.replication.remote.options import ApiKeyAuth, BasicAuth, BearerAuth, RemoteOptions
from docstore.replication.remote.rate_control import RateController
from tests.replication.fake_server import FakeServer, NoSleep, Said, fake_server, until_the_client_leaves

SECRET = "s3cr3t/pass"
BASIC = "Basic bWU6czNjcjN0L3Bhc3M="


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    async with fake_server() as server:
        yield server


@pytest.fixture
def pauses() -> NoSleep:
    return NoSleep()


class Making:
    """Makes clients, and closes them."""

    def __init__(self, url: str, sleep: NoSleep) -> None:
        self.url = url
        self.clock = Clock()
        self._sleep = sleep
        self._made: list[HttpClient] = []

    def __call__(self, url: str | None = None, *, rate: RateController | None = None, **options: object) -> HttpClient:
        settings = RemoteOptions(**options)
        client = HttpClient(url or self.url, settings, rate=rate, random=Random(7), clock=self.clock, sleep=self._sleep)
        self._made.append(client)
        return client

    async def close(self) -> None:
        for one in self._made:
            await one.close()


@pytest.fixture
async def make(fake: FakeServer, pauses: NoSleep) -> AsyncIterator[Making]:
    making = Making(f"{fake.url}/db", pauses)
    yield making
    await making.close()


GET = Ask("GET", "")


class TestAttempts:
    async def test_asks_again_with_longer_and_longer_pauses(self, fake, make, pauses) -> None:
        fake.reply("GET", "/db", Said(500), Said(502), Said(504), Said(200, {"db_name": "db"}))
        reply = await make().request(GET)
        assert (reply.status, reply.body) == (200, b'{"db_name": "db"}')
        assert [0.125 <= pauses.slept[0] <= 0.25, 0.25 <= pauses.slept[1] <= 0.5, 0.5 <= pauses.slept[2] <= 1.0]
        assert len(pauses.slept) == 3

    async def test_ends_after_the_attempts_allowed_with_the_words_of_the_server(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(500, {"error": "badmatch", "reason": "oh"}))
        with pytest.raises(PeerError) as caught:
            await make(retries_per_request=2).request(GET)
        assert (caught.value.error, caught.value.reason, caught.value.status) == ("badmatch", "oh", 500)
        assert len(fake.asked) == 3

    async def test_a_reply_that_breaks_off_is_asked_for_again(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(200, b'{"a":1}', cut=3), Said(200, b'{"a":1}'))
        assert (await make().request(GET)).body == b'{"a":1}'

    async def test_a_connection_that_is_cut_every_time(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(200, b'{"a":1}', cut=3))
        with pytest.raises(PeerUnreachable):
            await make(retries_per_request=1).request(GET)
        assert len(fake.asked) == 2

    async def test_nobody_listens(self, make) -> None:
        with pytest.raises(PeerUnreachable, match="no connection"):
            await make("http://127.0.0.1:9/db", retries_per_request=1).request(GET)

    async def test_a_host_that_does_not_answer_in_time(self, fake, make) -> None:
        async def silence(request: web.Request, body: bytes) -> web.StreamResponse:
            await until_the_client_leaves()
            raise AssertionError("nobody waits")

        fake.on("GET", "/db", silence)
        with pytest.raises(PeerUnreachable, match="no sign of life"):
            await make(connection_timeout=0.05, retries_per_request=0).request(GET)

    async def test_a_name_service_that_does_not_answer(self, make, monkeypatch) -> None:
        async def hang(self, host, port=0, family=0):
            asked.append(host)
            await asyncio.Event().wait()

        asked = []
        monkeypatch.setattr(aiohttp.DefaultResolver, "resolve", hang)
        client = make("http://nowhere.example/db", connection_timeout=0.05, retries_per_request=1)
        with pytest.raises(PeerUnreachable, match="the name service does not answer"):
            await client.request(GET)
        assert asked == ["nowhere.example"] * 2

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(403, PeerForbidden), (404, PeerNotFound), (413, PeerTooLarge), (400, PeerError), (401, PeerUnauthorized)],
    )
    async def test_what_is_final_is_not_asked_again(self, fake, make, status, kind) -> None:
        fake.reply("GET", "/db", Said(status, {"error": "e", "reason": "r"}))
        with pytest.raises(kind) as caught:
            await make().request(GET)
        assert (caught.value.error, caught.value.reason, caught.value.status) == ("e", "r", status)
        assert len(fake.asked) == 1

    async def test_a_missing_database_has_the_words_of_the_replicator(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(404, {"error": "not_found", "reason": "Database does not exist."}))
        with pytest.raises(PeerNotFound) as caught:
            await make().request(GET)
        assert (caught.value.error, caught.value.reason) == ("db_not_found", f"could not open {fake.url}/db/")

    async def test_an_error_that_is_no_json(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(400, b"<html>", {"Content-Type": "text/html"}))
        with pytest.raises(PeerError, match="answered with status 400"):
            await make().request(GET)

    async def test_a_status_that_is_an_answer_to_the_question(self, fake, make) -> None:
        fake.reply("PUT", "/db", Said(412, {"error": "file_exists", "reason": "r"}))
        assert (await make().request(Ask("PUT", "", allows=frozenset({412})))).status == 412

    async def test_compressed_replies(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(200, gzip.compress(b'{"a":1}'), {"Content-Encoding": "gzip"}))
        assert (await make().request(GET)).body == b'{"a":1}'
        assert "gzip" in fake.asked[0].headers["Accept-Encoding"]

    async def test_a_large_body_is_sent_whole_each_time(self, fake, make) -> None:
        fake.reply("POST", "/db/_bulk_docs", Said(500), Said(201, []))
        text = b"[" + b"1," * 200_000 + b"1]"
        await make().request(Ask("POST", "/_bulk_docs", Body.of_json(text)))
        assert [one.body == text for one in fake.asked] == [True, True]
        assert fake.asked[0].headers["Content-Length"] == str(len(text))

    async def test_a_reply_that_is_too_long(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(200, b"x" * 1000))
        with pytest.raises(PeerBroken, match="too long"):
            await make().request(Ask("GET", "", most_bytes=999))

    def test_what_is_no_url(self, make) -> None:
        for url in ("db", "ftp://host/db", "http://", "http://[::1/db"):
            with pytest.raises(PeerError, match="no URL"):
                make(url)

    def test_a_proxy_that_nobody_speaks_to(self, make) -> None:
        with pytest.raises(PeerError, match="SOCKS"):
            make(proxy="socks5://me:pw@host")


class TestBusyServers:
    async def test_429_is_asked_again_after_the_time_told_however_often(self, fake, make, pauses) -> None:
        clock = Clock()

        async def sleep(seconds: float) -> None:
            pauses.slept.append(seconds)
            clock.now += seconds

        rate = RateController(clock=clock, sleep=sleep, random=Random(1))
        fake.reply("GET", "/db", *[Said(429, headers={"Retry-After": "7"})] * 4, Said(200, {}))
        client = make(rate=rate, retries_per_request=0)
        assert (await client.request(GET)).status == 200
        assert len(fake.asked) == 5
        assert sum(pauses.slept) >= 4 * 7

    async def test_503_with_retry_after_is_the_same(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(503, headers={"Retry-After": "0"}), Said(200, {}))
        assert (await make(retries_per_request=0).request(GET)).status == 200

    async def test_a_server_that_asks_for_too_much_patience(self, fake, make) -> None:
        fake.reply("GET", "/db", Said(429, headers={"Retry-After": "86400"}))
        with pytest.raises(PeerBusy) as caught:
            await make().request(GET)
        assert caught.value.retry_after >= 86_000


class TestCredentials:
    async def test_user_and_password_of_the_url_become_a_session(self, fake, make) -> None:
        fake.reply("POST", "/_session", Said(200, {"ok": True}, {"Set-Cookie": "AuthSession=abc; Max-Age=100; Path=/"}))
        fake.reply("GET", "/db", Said())
        client = make(fake.url.replace("//", "//me:s3cr3t%2Fpass@") + "/db")
        await client.request(GET)
        await client.request(GET)
        assert [one.path for one in fake.asked] == ["/_session", "/db", "/db"]
        assert fake.asked[0].body == b"name=me&password=s3cr3t%2Fpass"
        assert [one.headers.get("Cookie") for one in fake.asked[1:]] == ["AuthSession=abc"] * 2
        assert all("Authorization" not in one.headers for one in fake.asked)
        assert SECRET not in client.url
        assert "me" not in client.url

    async def test_a_session_is_renewed_before_it_ends_and_after_a_401(self, fake, make) -> None:
        cookies = [f"AuthSession=c{number}; Max-Age=100" for number in range(4)]
        fake.reply("POST", "/_session", *[Said(200, {}, {"Set-Cookie": cookie}) for cookie in cookies])
        fake.reply("GET", "/db", Said(), Said(), Said(401, {"error": "unauthorized", "reason": "r"}), Said())
        client = make(auth=BasicAuth("me", SECRET))
        await client.request(GET)
        make.clock.now += 81
        await client.request(GET)
        await client.request(GET)
        sent = [one.headers["Cookie"] for one in fake.asked_for("GET", "/db")]
        assert sent == [f"AuthSession=c{number}" for number in (0, 1, 1, 2)]

    async def test_a_newer_cookie_that_comes_along_is_taken(self, fake, make) -> None:
        fake.reply("POST", "/_session", Said(200, {}, {"Set-Cookie": "AuthSession=old"}))
        fake.reply("GET", "/db", Said(200, {}, {"Set-Cookie": "AuthSession=new; HttpOnly"}), Said())
        client = make(auth=BasicAuth("me", SECRET))
        await client.request(GET)
        await client.request(GET)
        assert [one.headers["Cookie"] for one in fake.asked_for("GET", "/db")] == ["AuthSession=old", "AuthSession=new"]

    @pytest.mark.parametrize("status", [404, 401, 405])
    async def test_without_sessions_each_request_carries_user_and_password(self, fake, make, status) -> None:
        fake.reply("POST", "/_session", Said(status, {"error": "e", "reason": "r"}))
        fake.reply("GET", "/db", Said())
        client = make(auth=BasicAuth("me", SECRET))
        await client.request(GET)
        await client.request(GET)
        assert len(fake.asked_for("POST", "/_session")) == 1
        assert [one.headers["Authorization"] for one in fake.asked_for("GET", "/db")] == [BASIC] * 2

    async def test_wrong_user_and_password_are_tried_once(self, fake, make) -> None:
        fake.reply("POST", "/_session", Said(401, {}))
        fake.reply("GET", "/db", Said(401, {"error": "unauthorized", "reason": "Name or password is incorrect."}))
        with pytest.raises(PeerUnauthorized, match="incorrect"):
            await make(auth=BasicAuth("me", SECRET)).request(GET)
        assert len(fake.asked) == 2

    async def test_a_session_that_is_never_good_enough(self, fake, make) -> None:
        fake.reply("POST", "/_session", Said(200, {}, {"Set-Cookie": "AuthSession=c"}))
        fake.reply("GET", "/db", Said(401, {"error": "unauthorized", "reason": "r"}))
        with pytest.raises(PeerUnauthorized):
            await make(auth=BasicAuth("me", SECRET), retries_per_request=1).request(GET)
        assert len(fake.asked_for("GET", "/db")) <= 4

    async def test_a_bearer_token(self, fake, make) -> None:
        fake.reply("GET", "/db", Said())
        await make(auth=BearerAuth("tok")).request(GET)
        assert fake.asked[0].headers["Authorization"] == "Bearer tok"

    async def test_an_api_key_is_exchanged_and_renewed(self, fake, make) -> None:
        fake.reply(
            "POST",
            "/token",
            Said(200, {"access_token": "t1", "expires_in": 100}),
            Said(200, {"access_token": "t2", "expires_in": 100}),
            Said(200, {"access_token": "t3", "expires_in": 100}),
        )
        fake.reply("GET", "/db", Said(), Said(), Said(401, {}), Said())
        client = make(auth=ApiKeyAuth("key&", f"{fake.url}/token"))
        await client.request(GET)
        make.clock.now += 81
        await client.request(GET)
        await client.request(GET)
        tokens = [one.headers["Authorization"] for one in fake.asked_for("GET", "/db")]
        assert tokens == ["Bearer t1", "Bearer t2", "Bearer t2", "Bearer t3"]
        assert fake.asked[0].body == b"grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=key%26"

    async def test_an_api_key_that_is_refused(self, fake, make) -> None:
        fake.reply("POST", "/token", Said(400, {"errorMessage": "the key was key&"}))
        with pytest.raises(PeerUnauthorized) as caught:
            await make(auth=ApiKeyAuth("key&", f"{fake.url}/token")).request(GET)
        assert "key&" not in caught.value.reason

    async def test_headers_of_the_options_are_sent(self, fake, make) -> None:
        fake.reply("GET", "/db", Said())
        await make(headers={"X-Tenant": "7", "Authorization": "Basic zzz"}).request(GET)
        assert (fake.asked[0].headers["X-Tenant"], fake.asked[0].headers["Authorization"]) == ("7", "Basic zzz")

    async def test_no_secret_is_told(self, fake, make, caplog) -> None:
        caplog.set_level(logging.DEBUG)
        fake.reply("POST", "/_session", Said(404, {}))
        fake.reply("GET", "/db", Said(200, b"x" * 10, cut=1))
        options = {"auth": BasicAuth("me", SECRET), "headers": {"X-Key": SECRET}, "retries_per_request": 0}
        client = make(f"{fake.url.replace('//', '//you:pw9@')}/db?q={SECRET}", **options)
        with pytest.raises(PeerUnreachable) as caught:
            await client.request(GET)
        told = [str(caught.value), caught.value.reason, caught.value.url, repr(client.options), caplog.text]
        assert not [one for one in told for secret in (SECRET, "pw9", "bWU6") if secret in one]


class TestRedirects:
    async def test_are_followed_with_method_and_body(self, fake, make) -> None:
        fake.reply("POST", "/db/_bulk_docs", Said(308, headers={"Location": "/elsewhere/_bulk_docs"}))
        fake.reply("POST", "/elsewhere/_bulk_docs", Said(201, []))
        reply = await make(auth=BearerAuth("tok")).request(Ask("POST", "/_bulk_docs", Body.of_json(b"{}")))
        assert reply.status == 201
        assert (fake.asked[1].body, fake.asked[1].headers["Authorization"]) == (b"{}", "Bearer tok")

    async def test_303_is_followed_by_a_get(self, fake, make) -> None:
        fake.reply("POST", "/db/x", Said(303, headers={"Location": f"{fake.url}/db/y"}))
        fake.reply("GET", "/db/y", Said(200, b"1"))
        assert (await make().request(Ask("POST", "/x", Body.of_json(b"{}")))).body == b"1"
        assert fake.asked[1].body == b""

    async def test_another_host_gets_no_credentials(self, fake, make) -> None:
        async with fake_server() as other:
            fake.reply("GET", "/db", Said(302, headers={"Location": f"{other.url.replace('//', '//a:b@')}/db"}))
            other.reply("GET", "/db", Said(200, b"1", {"Set-Cookie": "AuthSession=theirs"}))
            client = make(auth=BearerAuth("tok"), headers={"X-Key": "k", "Authorization": "Basic zzz"})
            assert (await client.request(GET)).body == b"1"
            assert not {"Authorization", "Cookie", "X-Key"} & set(other.asked[0].headers)

    async def test_another_host_that_asks_for_credentials(self, fake, make) -> None:
        async with fake_server() as other:
            fake.reply("POST", "/_session", Said(200, {}, {"Set-Cookie": "AuthSession=c"}))
            fake.reply("GET", "/db", Said(302, headers={"Location": f"{other.url}/db"}))
            other.reply("GET", "/db", Said(401, {"error": "unauthorized", "reason": "r"}))
            with pytest.raises(PeerUnauthorized):
                await make(auth=BasicAuth("me", SECRET)).request(GET)
            assert len(other.asked) == 1

    @pytest.mark.parametrize("location", ["/db", "ftp://host/", "http://[/"])
    async def test_that_lead_nowhere(self, fake, make, location) -> None:
        fake.reply("GET", "/db", Said(301, headers={"Location": location}))
        with pytest.raises(PeerBroken, match="nowhere"):
            await make().request(GET)
