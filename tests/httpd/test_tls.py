"""The server behind TLS: what it shows, whom it lets in, and what a reload changes."""

import asyncio
import shutil
import ssl

import aiohttp
import pytest

from docstore.config.errors import InvalidSetting
from docstore.config.kept import KeptSettings
from docstore.database.notifier import Notifier
from docstore.httpd.listener import Listener, NotLoopback
from docstore.httpd.wire.outbox import Outbox
from docstore.testing import run_node
from tests.replication.test_tls import Pair

pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl"),
    pytest.mark.usefixtures("either_loop"),
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Pair:
    return Pair(tmp_path_factory.mktemp("tls"), "server")


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Pair:
    return Pair(tmp_path_factory.mktemp("tls"), "other")


def configure(folder, pair, **words):
    words = {"enable": "true", "port": "0", "cert_file": str(pair.certificate), "key_file": str(pair.key), **words}
    KeptSettings(folder).update({("ssl", key): word for key, word in words.items()})


class Serving:
    """A node with TLS whose listener is at hand."""

    def __init__(self, folder):
        self.folder = folder

    async def __aenter__(self):
        self.running = run_node(data=self.folder)
        self.server = await self.running.__aenter__()
        self.listener = await Listener.start(self.server.node, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *error):
        await self.listener.stop()
        await self.running.__aexit__(*error)

    async def get(self, path, trusted, mine=None):
        context = ssl.create_default_context(cafile=trusted.certificate)
        if mine is not None:
            context.load_cert_chain(mine.certificate, mine.key)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as client,
            client.get(self.listener.tls_url + path) as response,
        ):
            return response.status, dict(response.headers), await response.read()


async def test_off_unless_it_is_asked_for(server):
    listener = await Listener.start(server.node, "127.0.0.1", 0)
    assert listener.tls_url is None
    listener.reload()
    await listener.stop()


async def test_it_answers_beside_plain_http(tmp_path, pair):
    configure(tmp_path, pair)
    async with Serving(tmp_path) as serving:
        async with aiohttp.ClientSession(serving.listener.url) as client, client.put("/db") as response:
            assert response.headers["Location"].startswith("http://")
        assert serving.listener.tls_url.startswith("https://127.0.0.1:")
        assert (await serving.get("/db", pair))[0] == 200
        location = (await serving.get("/db/_design%2Fx", pair))[1].get("Location", "https://")
        assert location.startswith("https://")


async def test_a_feed_over_tls_ends_when_its_client_leaves(tmp_path, pair, monkeypatch):
    configure(tmp_path, pair)
    ended = asyncio.Event()
    discard = Notifier.discard

    def discarded(self, subscription):
        discard(self, subscription)
        ended.set()

    async with Serving(tmp_path) as serving:
        await serving.server.node.registry.create("db")
        context = ssl.create_default_context(cafile=pair.certificate)
        port = int(serving.listener.tls_url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(b"GET /db/_changes?feed=continuous HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert serving.server.node.notifier._subscriptions
        monkeypatch.setattr(Notifier, "discard", discarded)
        writer.close()
        async with asyncio.timeout(10):
            await ended.wait()
        assert not serving.server.node.notifier._subscriptions


async def test_a_reload_shows_the_new_certificate(tmp_path, pair, other):
    folder = tmp_path / "files"
    folder.mkdir()
    mine = Pair.__new__(Pair)
    mine.certificate, mine.key = folder / "c.pem", folder / "k.pem"
    shutil.copy(pair.certificate, mine.certificate)
    shutil.copy(pair.key, mine.key)
    configure(tmp_path, mine)
    async with Serving(tmp_path) as serving:
        assert (await serving.get("/", pair))[0] == 200
        shutil.copy(other.certificate, mine.certificate)
        with pytest.raises(InvalidSetting, match="cannot be used"):  # a key of another certificate
            serving.listener.reload()
        assert (await serving.get("/", pair))[0] == 200
        shutil.copy(other.key, mine.key)
        serving.listener.reload()
        assert (await serving.get("/", other))[0] == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await serving.get("/", pair)


async def test_clients_that_have_to_show_a_certificate(tmp_path, pair, other):
    words = {"verify_ssl_certificates": "true", "fail_if_no_peer_cert": "true", "cacert_file": str(other.certificate)}
    configure(tmp_path, pair, **words)
    async with Serving(tmp_path) as serving:
        assert (await serving.get("/", pair, other))[0] == 200
        for mine in (None, pair):
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await serving.get("/", pair, mine)


async def test_old_versions_are_not_spoken(tmp_path, pair):
    configure(tmp_path, pair)
    async with Serving(tmp_path) as serving:
        assert serving.listener._tls.context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"cert_file": ""}, "has to name a certificate"),
        ({"cert_file": "/nowhere.pem"}, "/nowhere.pem: No such file or directory"),
        ({"cert_file": __file__}, "cannot be used"),
        ({"verify_ssl_certificates": "true"}, "needs ssl/cacert_file"),
        ({"cacert_file": __file__}, "ssl/cacert_file cannot be used"),
    ],
)
async def test_what_cannot_be_used_is_told_and_nothing_listens(tmp_path, pair, words, told):
    configure(tmp_path, pair, **words)
    with pytest.raises(InvalidSetting, match=told):
        async with run_node(data=tmp_path):
            pass


async def test_without_an_administrator_it_is_loopback_with_tls_too(tmp_path, pair):
    configure(tmp_path, pair, bind_address="0.0.0.0")
    with pytest.raises(NotLoopback):
        async with run_node(data=tmp_path):
            pass


async def test_no_answer_is_held_back(tmp_path, pair, monkeypatch):
    """A client that hangs up below TLS is gone before we are told, and what was held with it."""
    held, hold = [], Outbox.hold
    monkeypatch.setattr(Outbox, "hold", lambda self, *what: held.append(what) or hold(self, *what))
    configure(tmp_path, pair)
    async with Serving(tmp_path) as serving:
        serving.listener._service.outbox.woken = 1_000_000  # as if others were waiting for their answers, too
        assert (await serving.get("/", pair))[0] == 200
    assert not held
