"""Servers behind TLS: whom we trust, and who we are."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from docstore.replication.errors import PeerUnreachable
from docstore.replication.remote.options import RemoteOptions, TlsOptions
from docstore.replication.remote.peer import RemotePeer
from tests.replication.fake_server import NoSleep

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


class Pair:
    """A self-signed certificate and its key."""

    def __init__(self, folder: Path, name: str) -> None:
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(self.key), "-out", str(self.certificate)),
            ],
            check=True,
            capture_output=True,
        )


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Pair:
    return Pair(tmp_path_factory.mktemp("tls"), "client")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> Pair:
    return Pair(tmp_path_factory.mktemp("tls"), "server")


@pytest.fixture
async def url(ours: Pair, theirs: Pair) -> AsyncIterator[str]:
    """A server that asks for our certificate, and answers whose it is."""

    async def answer(request: web.BaseRequest) -> web.Response:
        certificate = request.transport.get_extra_info("peercert")
        return web.json_response({"db_name": certificate["subject"][0][0][1] if certificate else "nobody"})

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ours.certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(theirs.certificate, theirs.key)
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/db"
    await runner.cleanup()


async def ask(url: str, tls: TlsOptions) -> str:
    peer = RemotePeer(url, RemoteOptions(tls=tls, retries_per_request=0), sleep=NoSleep())
    try:
        return (await peer.info()).db_name
    finally:
        await peer.close()


async def test_a_certificate_that_nobody_vouches_for(url: str) -> None:
    with pytest.raises(PeerUnreachable, match="no trust in the server's certificate"):
        await ask(url, TlsOptions())


async def test_one_that_we_are_told_to_trust(url: str, theirs: Pair) -> None:
    assert await ask(url, TlsOptions(ca_file=theirs.certificate)) == "nobody"


async def test_without_verification(url: str) -> None:
    assert await ask(url, TlsOptions(verify=False)) == "nobody"


async def test_our_own_certificate(url: str, theirs: Pair, ours: Pair) -> None:
    options = TlsOptions(ca_file=theirs.certificate, certificate=ours.certificate, key=ours.key)
    assert await ask(url, options) == "client"


def test_no_secret_is_shown() -> None:
    assert "pw" not in repr(TlsOptions(key_password="pw"))
